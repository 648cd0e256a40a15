#pragma once
// DataDirectory: the server's data directory, and how its contents are exchanged for a copy that was made inside of it.
// Inside, because the directory may be a mount of its own: a rename out of it would be a copy. One caller at a time.
//
// The exchange is a row of renames, each of them undone by nothing and repeated by resume(): a note among the data says
// how far it is. The system tables leave first and come last, so a server that somebody starts in between ends at once.
// What was there before is kept until forget_former(); who wants it back finds it in `former()`.
#include <cstdint>
#include <string>

#include "agent/base/result.hpp"

namespace clusteragent::mysql {

class DataDirectory {
 public:
  explicit DataDirectory(std::string path);

  const std::string& path() const { return path_; }
  /// A folder that goes after the exchange, or when the copy is given up; in it `incoming`, whose contents are the
  /// copy.
  std::string arrivals() const;
  std::string incoming() const;
  std::string former() const;
  /// No system tables are there.
  bool is_lost() const;
  /// A server has it open, or another program of the database.
  bool is_in_use() const;
  bool has_former() const;
  /// The exchange was interrupted.
  bool is_being_exchanged() const;

  /// The user it belongs to, which servers run as. Errors: there is no such directory.
  Result<std::string> owner() const;
  /// Errors: the bytes that are there and those that are needed.
  Status check_room(std::uint64_t bytes) const;
  /// Empty folders for the copy. Errors: a program still writes to the one before.
  Status begin_incoming() const;
  /// Gives the copy to who owns the directory, and sees that it is on disk.
  Status finish_incoming() const;
  void drop_incoming() const;
  /// With no server at work. Also what resumes it.
  Status exchange() const;
  void forget_former() const;

 private:
  Status note(const std::string& phase) const;

  std::string path_;
};

}  // namespace clusteragent::mysql
