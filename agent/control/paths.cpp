#include "agent/control/paths.hpp"

#include <algorithm>

namespace clusteragent::control {

bool is_module_name(const std::string& name) {
  constexpr std::size_t name_max = 24;
  if (name.empty() || name.size() > name_max || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '_' || letter == '-';
  });
}

}  // namespace clusteragent::control
