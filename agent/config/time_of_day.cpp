#include "agent/config/time_of_day.hpp"

#include <algorithm>

namespace clusteragent::config {

std::optional<std::chrono::minutes> time_of_day(std::string_view text) {
  const auto is_digit = [](char each) { return each >= '0' && each <= '9'; };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  if (std::count_if(text.begin(), text.end(), is_digit) != 4) return std::nullopt;
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  return std::chrono::minutes{hours * 60 + minutes};
}

}  // namespace clusteragent::config
