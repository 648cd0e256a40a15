#pragma once
// PromiseFile: a module's promise, as it survives a restart of the daemon and not one of the machine: on a tmpfs, with
// the boot that its time belongs to. What the file says may reach further than what was promised, never less far: each
// write is good for one lease more than asked, so that a holder that renews all the time costs one write a lease.
// One a module; one caller at a time; writes to a tmpfs and does not wait for a disk.
#include <optional>
#include <string>

#include "agent/base/result.hpp"
#include "agent/core/voter.hpp"

namespace clusteragent::witness {

/// Of this boot of this machine (/proc/sys/kernel/random/boot_id).
Result<std::string> machine_boot_id();

class PromiseFile {
 public:
  PromiseFile(std::string path, std::string boot_id);

  struct Carried {
    bool is_known = false;  // false: no file, another boot, or damaged: promises may be forgotten
    std::optional<core::Promise> promise;
  };
  /// Once, before the first cover().
  Carried load();

  /// After success the promise is carried over a restart. `lease`: for how long it was asked.
  Status cover(const std::optional<core::Promise>& promise, Duration lease);

 private:
  Status write(const std::optional<core::Promise>& promise);

  std::string path_;
  std::string boot_id_;
  bool is_written_ = false;  // the file is of this boot and says `written_`
  std::optional<core::Promise> written_;
};

}  // namespace clusteragent::witness
