#include "agent/config/reader_address.hpp"

#include <fmt/format.h>

#include <vector>

namespace clusteragent::config {

void check_reader_addresses(const Section& service, Diagnostics& diagnostics) {
  const Section* vip = service.find("vip");
  const Section* list = vip == nullptr ? nullptr : vip->find("interface_list");
  if (list == nullptr) return;
  std::vector<const Value*> readers;
  bool has_primary_address = false;
  for (const Section* interface : list->all("interface")) {
    const Section* real = interface->find("real_interface");
    if (real == nullptr) continue;
    for (const Section* address : real->all("virtual_addr")) {
      const Value& where = (*address)["where"];
      if (!where.is_valid || where.text == where_secondary) {
        if (where.is_valid) readers.push_back(&where);
      } else {
        has_primary_address = true;
      }
    }
  }
  const Section* rfs = service.find("rfs");
  for (const Value* where : readers) {
    const std::string name = name_attribute(*where->row, where->text);
    if (rfs != nullptr) {
      diagnostics.error(
          where->at,
          fmt::format("{} cannot go with <rfs> of line {}: what the secondary has in a mirrored directory "
                      "is not served there, since the application does not run. Readers need "
                      "<mysqlreplication>, or a module without data",
                      name, rfs->at.line),
          {where->text, "one_side_alias", {}});
    }
    if (!has_primary_address) {
      diagnostics.error(where->at,
                        fmt::format("{} needs an address of the primary beside it: who may have this one hangs on who "
                                    "has that one. Add a <virtual_addr> with where=\"one_side_alias\"",
                                    name),
                        {where->text, {}, {}});
    }
  }
}

}  // namespace clusteragent::config
