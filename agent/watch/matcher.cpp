#include "agent/watch/matcher.hpp"

#include <fmt/format.h>

#include <array>

namespace clusteragent::watch {
namespace {

constexpr std::size_t comm_length = 15;  // TASK_COMM_LEN of Linux without the final zero

}  // namespace

std::string_view file_name(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::string full_name(ProcessFacts& process) {
  const std::string& comm = process.comm();
  if (comm.size() < comm_length) return comm;
  if (process.exe().starts_with(comm)) return process.exe();
  const auto& arguments = process.arguments();
  for (std::size_t i = 0; i < arguments.size() && i < 2; ++i) {
    if (const auto name = file_name(arguments[i]); name.starts_with(comm)) return std::string{name};
  }
  return comm;
}

void Matcher::RegexFree::operator()(regex_t* expression) const {
  ::regfree(expression);
  delete expression;
}

Result<Matcher::Regex> Matcher::compile_regex(const ProcRule& rule, const char* attribute, const std::string& text) {
  if (text.empty()) return Regex{};
  auto expression = std::make_unique<regex_t>();
  const int problem = ::regcomp(expression.get(), text.c_str(), REG_EXTENDED | REG_NOSUB);
  if (problem == 0) return Regex{expression.release()};
  std::array<char, 128> reason{};
  ::regerror(problem, expression.get(), reason.data(), reason.size());
  return Error{ErrorCode::configuration,
               fmt::format("<proc name=\"{}\">: {}=\"{}\" is no POSIX extended regular expression: {}", rule.name,
                           attribute, text, reason.data())};
}

Result<Matcher> Matcher::compile(const ProcRule& rule) {
  Result<Regex> name_regex = compile_regex(rule, "nameregex", rule.name_regex);
  if (!name_regex.ok()) return name_regex.error();
  Result<Regex> arg_regex = compile_regex(rule, "argregex", rule.arg_regex);
  if (!arg_regex.ok()) return arg_regex.error();
  Matcher matcher;
  matcher.name_ = rule.name;
  matcher.name_regex_ = std::move(name_regex).value();
  matcher.arg_regex_ = std::move(arg_regex).value();
  return matcher;
}

bool Matcher::matches_name(ProcessFacts& process) const {
  if (name_regex_) return ::regexec(name_regex_.get(), full_name(process).c_str(), 0, nullptr, 0) == 0;
  if (name_.size() <= comm_length && process.comm() == name_) return true;
  if (process.exe() == name_) return true;
  return name_.size() > comm_length && name_.starts_with(process.comm()) && full_name(process) == name_;
}

bool Matcher::matches(ProcessFacts& process) const {
  if (!matches_name(process)) return false;
  if (!arg_regex_) return true;
  std::string line;
  for (const std::string& argument : process.arguments()) {
    if (!line.empty()) line += ' ';
    line += argument;
  }
  return ::regexec(arg_regex_.get(), line.c_str(), 0, nullptr, 0) == 0;
}

}  // namespace clusteragent::watch
