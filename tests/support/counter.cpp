// An application whose writes can be judged afterwards: it counts. Before an increment is acknowledged, the new value
// is appended to a ledger that both nodes share, and is on disk; the ledger stands in for a mirrored directory. A life
// of the program reads the last value once, at its start, and counts on from there in memory, as a database would: two
// lives at once therefore write the same value twice, and the ledger shows it.
//   counter --ledger FILE --presence FOLDER [--port 7001]
// Question: "add ID" or "get ID"; answer: "ID VALUE HOST", from the address that was asked. Ledger: a line an
// increment, "VALUE HOST LIFE ID NANOSECONDS". Presence: FOLDER/HOST-LIFE, pairs of i64 CLOCK_MONOTONIC nanoseconds
// between which the program ran without standing still.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "tests/support/measure.hpp"

namespace {

using clusteragent::measure::fail;
using clusteragent::measure::monotonic_ns;

constexpr std::size_t datagram_bytes_max = 512;
constexpr std::size_t chunk_bytes = 65536;
constexpr std::int64_t beat_ns = 10'000'000;
constexpr std::int64_t stood_still_ns = 100'000'000;  // ten beats missed: more than a busy machine's delay

class Ledger {
 public:
  Ledger(const std::string& path, std::string host, std::int64_t life) : host_{std::move(host)}, life_{life} {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail(path);
    read_greatest();
  }

  std::uint64_t value() const { return value_; }

  void add(std::string_view id) {
    const std::string line = fmt::format("{} {} {} {} {}\n", value_ + 1, host_, life_, id, monotonic_ns());
    if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
        ::fdatasync(descriptor_) != 0) {
      fail("the ledger takes no line");
    }
    ++value_;
  }

 private:
  /// The greatest value, not the last one: what a life that had been left behind still wrote is not counted on from.
  void read_greatest() {
    std::array<char, chunk_bytes> chunk{};
    std::string line;
    ssize_t count = 0;
    while ((count = ::read(descriptor_, chunk.data(), chunk.size())) > 0) {
      for (const char one : std::string_view{chunk.data(), static_cast<std::size_t>(count)}) {
        if (one != '\n') {
          line += one;
          continue;
        }
        std::uint64_t value = 0;
        std::from_chars(line.data(), line.data() + line.size(), value);
        value_ = std::max(value_, value);
        line.clear();
      }
    }
    if (count < 0) fail("the ledger cannot be read");
  }

  std::string host_;
  std::int64_t life_;
  int descriptor_ = -1;
  std::uint64_t value_ = 0;
};

/// Who was alive when, for the question whether two lives overlapped.
class Presence {
 public:
  explicit Presence(const std::string& path) : from_{monotonic_ns()}, last_{from_} {
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail(path);
  }

  void note(std::int64_t now) {
    if (now - last_ > stood_still_ns) {
      offset_ += static_cast<off_t>(2 * sizeof now);
      from_ = now;
    }
    last_ = now;
    const std::array<std::int64_t, 2> span{from_, now};
    if (::pwrite(descriptor_, span.data(), sizeof span, offset_) != static_cast<ssize_t>(sizeof span)) {
      fail("the presence takes no line");
    }
  }

 private:
  std::int64_t from_;
  std::int64_t last_;
  off_t offset_ = 0;
  int descriptor_ = -1;
};

int open_socket(std::int64_t port) {
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(static_cast<std::uint16_t>(port));
  if (descriptor < 0 || setsockopt(descriptor, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0 ||
      bind(descriptor, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) {
    fail("cannot listen");
  }
  return descriptor;
}

void answer(int descriptor, Ledger& ledger, std::string_view host) {
  std::array<char, datagram_bytes_max> data{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> control{};
  sockaddr_in peer{};
  iovec part{data.data(), data.size()};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(descriptor, &message, 0);
  const std::string_view question{data.data(), size < 0 ? 0U : static_cast<std::size_t>(size)};
  const bool is_add = question.starts_with("add ");
  if (!is_add && !question.starts_with("get ")) return;
  const std::string_view id = question.substr(4);
  if (is_add) ledger.add(id);
  const std::string reply = fmt::format("{} {} {}", id, ledger.value(), host);
  if (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == IP_PKTINFO) {
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(header), sizeof info);
    info.ipi_spec_dst = info.ipi_addr;  // the answer leaves from the address that the question was sent to
    info.ipi_ifindex = 0;
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
  }
  part = {const_cast<char*>(reply.data()), reply.size()};
  message.msg_flags = 0;
  static_cast<void>(sendmsg(descriptor, &message, MSG_DONTWAIT));  // a lost answer is the client's to notice
}

}  // namespace

int main(int count, char** words) {
  const clusteragent::measure::Words options{count, words,
                                             "usage: counter --ledger FILE --presence FOLDER [--port NUMBER]"};
  std::array<char, 64> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) fail("no host name");
  const std::int64_t life = monotonic_ns();
  const int descriptor = open_socket(options.number("port", 7001));
  Ledger ledger{options.text("ledger"), host.data(), life};
  Presence presence{fmt::format("{}/{}-{}", options.text("presence"), host.data(), life)};
  clusteragent::measure::prepare_process();
  while (clusteragent::measure::is_stopping == 0) {
    presence.note(monotonic_ns());
    if (clusteragent::measure::wait_readable(descriptor, monotonic_ns() + beat_ns)) {
      answer(descriptor, ledger, host.data());
    }
  }
  return 0;
}
