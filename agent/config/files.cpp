#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>

#include "agent/config/config.hpp"
#include "agent/config/document.hpp"

namespace clusteragent::config {
namespace {

Error unreadable(const std::string& path, std::string_view reason) {
  return Error{ErrorCode::configuration, fmt::format("cannot read {}: {}", path, reason)};
}

const Section* service_of(const ModuleConfig& module) {
  return module.effective.find("service");
}

Position place_of_port(const ModuleConfig& module) {
  return (*service_of(module)->find("heart"))["port"].at;
}

/// Where the file writes each virtual address.
std::vector<const Value*> address_values(const ModuleConfig& module) {
  std::vector<const Value*> values;
  const Section* vip = service_of(module)->find("vip");
  if (vip == nullptr) return values;
  for (const Section* interface : vip->find("interface_list")->all("interface")) {
    for (const Section* address : interface->find("real_interface")->all("virtual_addr")) {
      values.push_back(&(*address)["addr"]);
    }
  }
  return values;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return unreadable(path, "there is no such file");
  if (error) return unreadable(path, error.message());
  if (status.type() != std::filesystem::file_type::regular) return unreadable(path, "it is not a regular file");
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  if (!file) return unreadable(path, std::generic_category().message(errno));
  std::string text(file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return unreadable(path, std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > file_bytes_max) return unreadable(path, fmt::format("it has more than {} bytes", file_bytes_max));
  return text;
}

std::vector<Diagnostic> check_modules(std::span<const ModuleConfig> modules) {
  std::vector<Diagnostic> found;
  std::map<std::uint16_t, const ModuleConfig*> ports;
  std::map<std::string, const ModuleConfig*> addresses;
  for (const ModuleConfig& module : modules) {
    Diagnostics diagnostics{module.file};
    const auto [port, is_new] = ports.emplace(module.heart.port, &module);
    if (!is_new) {
      diagnostics.error(place_of_port(module),
                        fmt::format("<heart port=\"{}\"> is the port of {}, too: every module of a node needs its own",
                                    module.heart.port, port->second->file),
                        {fmt::format("{}", module.heart.port), "a port that no other module has", {}});
    }
    for (const Value* value : address_values(module)) {
      const auto [address, is_free] = addresses.emplace(value->text, &module);
      if (is_free || address->second == &module) continue;
      diagnostics.error(value->at,
                        fmt::format("{} is a virtual address of {}, too", name_attribute(*value->row, value->text),
                                    address->second->file),
                        {value->text, {}, {}});
    }
    for (Diagnostic& diagnostic : diagnostics.take()) found.push_back(std::move(diagnostic));
  }
  return found;
}

}  // namespace clusteragent::config
