#pragma once
// Where everything lies (docs/operating.md). `root` is put before every path; empty is the machine's own tree. Pure.
#include <string>

namespace clusteragent::control {

struct Paths {
  std::string root;

  std::string cluster_file() const { return root + "/etc/clusteragent/cluster.xml"; }
  std::string key_file() const { return root + "/etc/clusteragent/cluster.key"; }
  std::string modules_dir() const { return root + "/etc/clusteragent/modules"; }
  std::string module_dir(const std::string& module) const { return modules_dir() + "/" + module; }
  std::string user_config(const std::string& module) const { return module_dir(module) + "/userconfig.xml"; }
  std::string bin_dir(const std::string& module) const { return module_dir(module) + "/bin"; }
  std::string var_base() const { return root + "/var/lib/clusteragent"; }
  std::string var_dir(const std::string& module) const { return var_base() + "/" + module; }
  std::string state_file(const std::string& module) const { return var_dir(module) + "/state"; }
  std::string run_dir(const std::string& module) const { return root + "/run/clusteragent/" + module; }
  std::string socket(const std::string& module) const { return run_dir(module) + "/control.sock"; }
  std::string log_dir(const std::string& module) const { return root + "/var/log/clusteragent/" + module; }
  std::string log_file(const std::string& module) const { return log_dir(module) + "/module.log"; }
  // Of the witness, which serves modules of other machines.
  std::string witness_keys_dir() const { return root + "/etc/clusteragent/witness.d"; }
  std::string witness_var_dir() const { return root + "/var/lib/clusteragent-witness"; }
  std::string witness_run_dir() const { return root + "/run/clusteragent-witness"; }
  std::string witness_socket() const { return witness_run_dir() + "/control.sock"; }
};

/// A module's name becomes part of paths and of kernel objects: letters, digits, '_' and '-', at most 24 of them.
bool is_module_name(const std::string& name);

}  // namespace clusteragent::control
