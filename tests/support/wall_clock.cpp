// A wall clock of its own for programs that are loaded with this library (LD_PRELOAD): what the file that
// CLUSTERAGENT_WALL_CLOCK names says, as 8 bytes of nanoseconds in the machine's order, is added to CLOCK_REALTIME. Who
// writes the file steps the clock of every program that has it mapped, at once; the machine's own clock is not touched.
//
// Covered: clock_gettime, gettimeofday, time and timespec_get, through which libc, libstdc++, shells and Python read
// the wall clock. Not covered: timers that the kernel itself keeps on CLOCK_REALTIME, times of files, statically linked
// programs, and programs that are started with an empty environment. Every other clock passes unchanged. Thread-safe.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

/// Mapped once and never given back; without the file the step is 0.
const std::atomic<std::int64_t>* map_step() {
  const char* path = std::getenv("CLUSTERAGENT_WALL_CLOCK");
  if (path == nullptr) return nullptr;
  const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  void* place = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  return place == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(place);
}

using ClockGettime = int (*)(clockid_t, timespec*);

int read_stepped(clockid_t clock, timespec* now) {
  static const auto real = reinterpret_cast<ClockGettime>(::dlsym(RTLD_NEXT, "clock_gettime"));
  static const std::atomic<std::int64_t>* const step = map_step();
  const int result = real(clock, now);
  if (result == 0 && step != nullptr && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    const std::int64_t at = now->tv_sec * second_ns + now->tv_nsec + step->load(std::memory_order_relaxed);
    now->tv_sec = at / second_ns;
    now->tv_nsec = at % second_ns;
  }
  return result;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  return read_stepped(clock, now);
}

int gettimeofday(timeval* now, void*) noexcept {
  timespec fine{};
  const int result = read_stepped(CLOCK_REALTIME, &fine);
  *now = timeval{fine.tv_sec, fine.tv_nsec / 1000};
  return result;
}

time_t time(time_t* now) noexcept {
  timespec fine{};
  read_stepped(CLOCK_REALTIME_COARSE, &fine);
  if (now != nullptr) *now = fine.tv_sec;
  return fine.tv_sec;
}

int timespec_get(timespec* now, int base) noexcept {
  return base == TIME_UTC && read_stepped(CLOCK_REALTIME, now) == 0 ? base : 0;
}

}  // extern "C"
