#pragma once
// Salvage: keeps what a copy from the primary overwrites or removes on a node whose data is its own: it lost a split
// brain, or its directory was changed while nobody watched. One set a copy, made when there is something to keep.
//
// A file is kept whole before its first change where it is small enough to be (whole_file_bytes_max), so that a
// database is as it was; of a larger one the blocks, before each is overwritten. Where the room ends the copy goes on,
// what it overwrites is lost, and the log says so: to wait for somebody would leave the service on one node for days.
//
// Ownership: of the set being written. Threads: the Applier's; is_over() any. Errors: told in the log and in the set,
// never to the stream. What is kept is on disk when the copy ends; a power failure before may lose some of it.
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/base/time.hpp"
#include "agent/data/filesync/replica/tree.hpp"
#include "agent/data/filesync/salvage/salvage_sets.hpp"

namespace clusteragent::filesync {

inline constexpr std::uint64_t whole_file_bytes_max = 256 * 1024 * 1024;

struct SalvagedDirectory {
  std::string path;
  int root = -1;  // outlives the Salvage
};

struct SalvageOptions {
  std::string folder;  // of all sets
  std::vector<SalvagedDirectory> directories;
  std::string why;
  std::uint64_t bytes_max = 0;  // of all sets together; the oldest gives way
};

struct SalvageEvents {
  std::function<void(char level, const std::string& text)> note;
  /// Everything is kept, as far as it could be, and the copy is complete.
  std::function<void()> over;
};

class Salvage {
 public:
  Salvage(SalvageOptions options, SalvageEvents events);
  ~Salvage();

  /// A copy begins. `breathe` is called now and then while something large is being kept.
  void begin(std::function<void()> breathe);
  /// A file that stays under its name; before anything of it is changed.
  void adopted(FileId file, int node);
  /// A name goes, with all that is in it; and this one of the copy's first part, whoever had made it.
  void removing(int folder, const std::string& name);
  /// A file that was adopted is cut off.
  void resizing(FileId file, int contents, std::uint64_t size);
  /// An operation of the copy, or of the application meanwhile.
  void before(const Head& head, std::span<const std::byte> payload, ReplicaFiles& files);
  /// The copy is complete.
  void end();
  bool is_over() const { return is_over_; }

 private:
  struct Original {
    SalvagedFile facts;
    std::vector<bool> kept;  // by block, of a file that is too large to be kept whole
    bool is_saved = false;
  };

  /// An inode and its file system: the directories may lie on several.
  using Place = std::pair<dev_t, ino_t>;
  static Place place_of(const struct stat& of) { return {of.st_dev, of.st_ino}; }

  void remove_node(int node);
  void replaced_name(FileId folder, const std::string& name, ReplicaFiles& files);
  std::string path_of(int node) const;
  SalvagedFile facts_of(int node, const struct stat& of) const;
  void changing(Original& original, int node, std::uint64_t offset, std::uint64_t bytes);
  void keep(Original& original, int node);
  void keep_blocks(Original& original, int contents, std::uint64_t offset, std::uint64_t bytes);
  bool keep_range(int from, int to, std::uint64_t begin, std::uint64_t end);
  platform::Fd open_data(std::uint64_t number, int flags) const;
  bool open_set();
  bool make_room(std::uint64_t bytes);
  void write_line(const std::string& line);
  void write_file(const SalvagedFile& file);
  void write_about(const char* state);
  void fail(const std::string& problem);
  void breathe();
  std::string set_path() const { return options_.folder + "/" + name_; }

  SalvageOptions options_;
  SalvageEvents events_;
  std::function<void()> breathe_;
  std::unordered_map<FileId, Original> originals_;
  std::map<Place, FileId> adopted_;
  std::map<Place, std::uint64_t> removed_;  // number of their data, for further names
  std::string name_;                        // of the set; empty: nothing was kept yet
  platform::Fd set_;
  platform::Fd index_;
  std::uint64_t numbers_ = 0;
  std::uint64_t files_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t others_bytes_ = 0;
  std::int64_t begun_s_ = 0;
  bool is_copying_ = false;
  std::string problem_;
  Instant breathed_;
  std::vector<std::byte> buffer_;
  std::atomic<bool> is_over_ = false;
};

}  // namespace clusteragent::filesync
