#include "modules/mysql_replication/engine/provision/data_directory.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "agent/data/filesync/store/kept_file.hpp"
#include "agent/platform/fd.hpp"

namespace clusteragent::mysql {
namespace {

namespace fs = std::filesystem;

constexpr const char* arrivals_name = ".clusteragent-new";
// A folder below that, because InnoDB of MySQL 8 looks for no tables in one whose name begins with a dot.
constexpr const char* incoming_name = "data";
constexpr const char* former_name = ".clusteragent-old";
constexpr const char* note_name = ".clusteragent-exchange";
// What the note says, on disk: do not rename.
constexpr const char* out = "out";    // the former data are being put aside
constexpr const char* drop = "drop";  // data that were never verified are being removed
constexpr const char* in = "in";      // the copy is being put in place
// Without either a server ends as soon as it starts; the second one is MySQL's from 8.0 on.
constexpr const char* system_tables = "mysql";
constexpr const char* dictionary = "mysql.ibd";
constexpr const char* system_space = "ibdata1";
// Relay logs, temporary tables, and what the primary writes while the copy is made.
constexpr std::uint64_t spare_bytes = 64ULL * 1024 * 1024;
constexpr std::uint64_t spare_part = 10;
constexpr double megabyte = 1e6;

Error cannot(const std::string& doing, const std::error_code& why) {
  return Error{ErrorCode::system, fmt::format("cannot {}: {}", doing, why.message())};
}

/// Belongs to the directory, whatever its contents.
bool stays(const std::string& name) {
  return name.starts_with(".clusteragent-") || name == "lost+found" ||
         (name.starts_with("debian-") && name.ends_with(".flag"));
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::error_code problem;
  std::vector<std::string> names;
  for (fs::directory_iterator at{folder, problem}, end; !problem && at != end; at.increment(problem)) {
    if (std::string name = at->path().filename().string(); !stays(name)) names.push_back(std::move(name));
  }
  if (problem) return cannot("list " + folder, problem);
  return names;
}

Status write_down(const std::string& folder) {
  const platform::Fd file{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (file && ::fsync(file.number()) == 0) return success();
  return Error{ErrorCode::system, fmt::format("cannot write {} to disk: {}", folder, std::strerror(errno))};
}

Status move_all(const std::string& from, const std::string& to, bool has_tables_first) {
  auto names = names_in(from);
  if (!names) return names.error();
  std::stable_partition(names->begin(), names->end(), [has_tables_first](const std::string& name) {
    return (name == system_tables || name == dictionary) == has_tables_first;
  });
  for (const std::string& name : *names) {
    std::error_code problem;
    // A server that was started in between may have made files anew; folders it does not.
    fs::rename(fs::path{from} / name, fs::path{to} / name, problem);
    if (problem) return cannot(fmt::format("move {}/{} to {}", from, name, to), problem);
  }
  if (const Status done = write_down(from); !done) return done;
  return write_down(to);
}

bool is_locked(const std::string& folder) {
  const platform::Fd file{::open((folder + "/" + system_space).c_str(), O_RDWR | O_CLOEXEC)};
  if (!file) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(file.number(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

DataDirectory::DataDirectory(std::string path) : path_{std::move(path)} {}

std::string DataDirectory::incoming() const {
  return arrivals() + "/" + incoming_name;
}

std::string DataDirectory::arrivals() const {
  return path_ + "/" + arrivals_name;
}

std::string DataDirectory::former() const {
  return path_ + "/" + former_name;
}

bool DataDirectory::is_lost() const {
  return ::access((path_ + "/" + system_tables).c_str(), F_OK) != 0 && !is_in_use() && !is_being_exchanged();
}

bool DataDirectory::is_in_use() const {
  return is_locked(path_);
}

bool DataDirectory::has_former() const {
  return ::access(former().c_str(), F_OK) == 0;
}

bool DataDirectory::is_being_exchanged() const {
  return filesync::kept_file(path_, note_name).has_value();
}

Result<std::string> DataDirectory::owner() const {
  struct stat about {};
  if (::stat(path_.c_str(), &about) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot look at the data directory {}: {}; is datadir= right?", path_,
                                                std::strerror(errno))};
  }
  const passwd* const user = ::getpwuid(about.st_uid);
  return user == nullptr ? std::to_string(about.st_uid) : std::string{user->pw_name};
}

Status DataDirectory::check_room(std::uint64_t bytes) const {
  struct statvfs about {};
  if (::statvfs(path_.c_str(), &about) != 0) {
    return Error{ErrorCode::system, fmt::format("cannot look at the data directory {}: {}; is datadir= right?", path_,
                                                std::strerror(errno))};
  }
  const std::uint64_t has = about.f_bavail * about.f_frsize;
  const std::uint64_t needs = bytes + bytes / spare_part + spare_bytes;
  if (has >= needs) return success();
  return Error{
      ErrorCode::refused,
      fmt::format("the file system of {} has {:.0f} MB left, and the copy needs {:.0f} MB beside the old data, "
                  "which are kept until the new ones are verified: make room",
                  path_, static_cast<double>(has) / megabyte, static_cast<double>(needs) / megabyte)};
}

Status DataDirectory::begin_incoming() const {
  if (is_locked(incoming()))
    return Error{ErrorCode::refused, "a program of an earlier attempt still works in " + incoming()};
  drop_incoming();
  if (::mkdir(arrivals().c_str(), 0700) == 0 && ::mkdir(incoming().c_str(), 0700) == 0) return success();
  return Error{ErrorCode::system, fmt::format("cannot make {}: {}", incoming(), std::strerror(errno))};
}

Status DataDirectory::finish_incoming() const {
  struct stat owner {};
  if (::stat(path_.c_str(), &owner) != 0)
    return Error{ErrorCode::system, fmt::format("cannot look at {}: {}", path_, std::strerror(errno))};
  std::error_code problem;
  for (fs::recursive_directory_iterator at{incoming(), problem}, end; !problem && at != end; at.increment(problem)) {
    if (::lchown(at->path().c_str(), owner.st_uid, owner.st_gid) != 0)
      return Error{ErrorCode::system,
                   fmt::format("cannot give {} to the server: {}", at->path().string(), std::strerror(errno))};
  }
  if (problem) return cannot("list " + incoming(), problem);
  const platform::Fd folder{::open(incoming().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder && ::syncfs(folder.number()) == 0) return success();
  return Error{ErrorCode::system, fmt::format("cannot write {} to disk: {}", incoming(), std::strerror(errno))};
}

void DataDirectory::drop_incoming() const {
  std::error_code ignored;
  fs::remove_all(arrivals(), ignored);
}

Status DataDirectory::note(const std::string& phase) const {
  return filesync::keep_file(path_, note_name, phase);
}

Status DataDirectory::exchange() const {
  std::string phase = filesync::kept_file(path_, note_name).value_or("");
  if (phase.empty()) {
    // Former data that are there already: of an exchange whose copy was never verified, which is what goes now.
    phase = has_former() ? drop : out;
    if (phase == out && ::mkdir(former().c_str(), 0700) != 0)
      return Error{ErrorCode::system, fmt::format("cannot make {}: {}", former(), std::strerror(errno))};
    if (const Status noted = note(phase); !noted) return noted;
  }
  if (phase == drop) {
    const auto names = names_in(path_);
    if (!names) return names.error();
    std::error_code problem;
    for (const std::string& name : *names) fs::remove_all(fs::path{path_} / name, problem);
    if (const Status noted = note(in); !noted) return noted;
  }
  if (phase == out) {
    if (const Status moved = move_all(path_, former(), true); !moved) return moved;
    if (const Status noted = note(in); !noted) return noted;
  }
  if (const Status moved = move_all(incoming(), path_, false); !moved) return moved;
  if (::unlink((path_ + "/" + note_name).c_str()) != 0)
    return Error{ErrorCode::system, fmt::format("cannot remove the note in {}: {}", path_, std::strerror(errno))};
  drop_incoming();
  return write_down(path_);
}

void DataDirectory::forget_former() const {
  std::error_code ignored;
  fs::remove_all(former(), ignored);
}

}  // namespace clusteragent::mysql
