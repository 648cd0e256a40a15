// Loaded into an engine (LD_PRELOAD): ends it by SIGKILL at a call of its own, as a crash there would. The file that
// CLUSTERAGENT_DEATH_POINT names says where: "before CALL" or "after CALL"; it is removed at that moment, so that the
// next engine lives. Where there is no file nothing happens. Calls are those that change a file or its names, and
// "reply to CALL": what the same thread then writes to /dev/fuse.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace {

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

thread_local std::string last_call;

void point(const char* when, const std::string& call) {
  static const char* const path = std::getenv("CLUSTERAGENT_DEATH_POINT");
  FILE* file = path != nullptr ? std::fopen(path, "r") : nullptr;
  if (file == nullptr) return;
  char text[64] = "";
  const bool is_read = std::fgets(text, sizeof text, file) != nullptr;
  std::fclose(file);
  if (!is_read || std::string{when} + " " + call != text) return;
  ::unlink(path);
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

template <typename Call>
auto at(const char* name, Call call) {
  point("before", name);
  const auto result = call();
  const int error = errno;
  point("after", name);
  last_call = name;
  errno = error;
  return result;
}

bool is_device(int descriptor) {
  struct stat of {};
  constexpr unsigned long fuse = 0xae5;  // 10:229
  return fstat(descriptor, &of) == 0 && S_ISCHR(of.st_mode) && of.st_rdev == fuse;
}

}  // namespace

extern "C" {

int mkdirat(int folder, const char* name, mode_t mode) {
  return at("mkdirat", [&] { return real<decltype(mkdirat)>("mkdirat")(folder, name, mode); });
}

int mknodat(int folder, const char* name, mode_t mode, dev_t device) {
  return at("mknodat", [&] { return real<decltype(mknodat)>("mknodat")(folder, name, mode, device); });
}

int symlinkat(const char* target, int folder, const char* name) {
  return at("symlinkat", [&] { return real<decltype(symlinkat)>("symlinkat")(target, folder, name); });
}

int linkat(int from, const char* name, int to, const char* new_name, int flags) {
  return at("linkat", [&] { return real<decltype(linkat)>("linkat")(from, name, to, new_name, flags); });
}

int unlinkat(int folder, const char* name, int flags) {
  return at("unlinkat", [&] { return real<decltype(unlinkat)>("unlinkat")(folder, name, flags); });
}

int renameat2(int from, const char* name, int to, const char* new_name, unsigned flags) {
  return at("renameat2", [&] { return real<decltype(renameat2)>("renameat2")(from, name, to, new_name, flags); });
}

int setxattr(const char* path, const char* name, const void* value, size_t bytes, int flags) {
  return at("setxattr", [&] { return real<decltype(setxattr)>("setxattr")(path, name, value, bytes, flags); });
}

int removexattr(const char* path, const char* name) {
  return at("removexattr", [&] { return real<decltype(removexattr)>("removexattr")(path, name); });
}

int fdatasync(int descriptor) {
  return at("fdatasync", [&] { return real<decltype(fdatasync)>("fdatasync")(descriptor); });
}

int ftruncate(int descriptor, off_t bytes) {
  return at("ftruncate", [&] { return real<decltype(ftruncate)>("ftruncate")(descriptor, bytes); });
}

int fallocate(int descriptor, int mode, off_t offset, off_t bytes) {
  return at("fallocate", [&] { return real<decltype(fallocate)>("fallocate")(descriptor, mode, offset, bytes); });
}

ssize_t pwrite(int descriptor, const void* data, size_t bytes, off_t offset) {
  return at("pwrite", [&] { return real<decltype(pwrite)>("pwrite")(descriptor, data, bytes, offset); });
}

int openat(int folder, const char* name, int flags, ...) {
  mode_t mode = 0;
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  const auto call = [&] { return real<int(int, const char*, int, ...)>("openat")(folder, name, flags, mode); };
  if ((flags & O_TMPFILE) == O_TMPFILE) return at("tmpfile", call);
  return (flags & O_CREAT) != 0 ? at("create", call) : call();
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  const auto call = [&] { return real<decltype(writev)>("writev")(descriptor, parts, count); };
  if (!is_device(descriptor)) return call();
  const std::string reply = "reply to " + std::exchange(last_call, "");
  point("before", reply);
  const ssize_t result = call();
  point("after", reply);
  return result;
}
}
