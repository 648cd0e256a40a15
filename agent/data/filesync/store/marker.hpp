#pragma once
// Marker: a fact that survives a crash: a file that is there or not. On disk when set() returns. One caller at a time.
#include <string>

#include "agent/base/result.hpp"

namespace clusteragent::filesync {

class Marker {
 public:
  Marker(std::string folder, std::string name) : folder_{std::move(folder)}, name_{std::move(name)} {}

  bool is_set() const;
  Status set(bool on) const;
  std::string path() const { return folder_ + "/" + name_; }

 private:
  std::string folder_;
  std::string name_;
};

}  // namespace clusteragent::filesync
