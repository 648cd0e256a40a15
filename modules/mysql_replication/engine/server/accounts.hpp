#pragma once
// The file with the accounts: [agent] (looks at the servers and changes their roles) and [replication] (what a standby
// connects as), and [replicas] where the agent is another one at further replicas, each with user= and password=. Read
// once; a value. Passwords are on no command line and in no log.
#include <string>

#include "agent/base/result.hpp"

namespace clusteragent::mysql {

struct Account {
  std::string user;
  std::string password;
};

struct Accounts {
  Account agent;
  Account replication;
  Account replicas;  // at further replicas; [agent] unless the file has one
};

/// Errors: not there, readable for others than its owner, or not as above; with the line and the remedy.
Result<Accounts> read_accounts(const std::string& path);

}  // namespace clusteragent::mysql
