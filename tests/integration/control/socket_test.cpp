// The real socket: framing, bounds, credentials, replies.
#include <gmock/gmock.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/control/client.hpp"
#include "tests/integration/control/agent_stub.hpp"

namespace clusteragent::test {
namespace {

using control::Json;
using testing::HasSubstr;

class ControlSocket : public testing::Test {
 protected:
  ControlSocket() : root_{"socket"}, path_{root_.paths().socket("web")} {}

  Result<Json> ask(const Json& message, Duration limit = std::chrono::seconds{5}) const {
    return control::request(path_, "web", message, limit);
  }

  /// A connection without the client's code.
  int connect_raw() const {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const timeval limit{5, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return socket;
  }

  std::string exchange_raw(const std::string& bytes) const {
    const int socket = connect_raw();
    // The server may close before it has taken everything: then the rest has nowhere to go.
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t length = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (length <= 0) break;
      sent += static_cast<std::size_t>(length);
    }
    std::string answer(4096, '\0');
    const ssize_t length = ::recv(socket, answer.data(), answer.size(), 0);
    answer.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    ::close(socket);
    return answer;
  }

  TemporaryRoot root_;
  std::string path_;
};

TEST_F(ControlSocket, answers_status_with_what_is_stale_taken_away) {
  AgentStub agent{root_, "web"};
  const auto answer = ask({{"request", "status"}});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->at("status").at("local").at("state"), "STOP");
  EXPECT_TRUE(answer->at("status").at("seen_of_peer").at("state").is_null());
}

TEST_F(ControlSocket, hands_orders_over_and_brings_the_reply_back) {
  AgentStub agent{root_, "web"};
  const auto accepted = ask({{"request", "operate"}, {"verb", "swap"}, {"identity", "errd"}, {"asked_by", "anna"}});
  ASSERT_TRUE(accepted.ok());
  EXPECT_EQ(accepted->at("message"), "accepted");
  agent.answer_orders(core::Reply{{}, false, "no secondary; use stopstart"});
  const auto refused = ask({{"request", "operate"}, {"verb", "prim"}, {"force", true}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_EQ(refused.error().message, "no secondary; use stopstart");
  ASSERT_EQ(agent.orders().size(), 2U);
  EXPECT_EQ(agent.orders()[0].verb, core::Verb::swap);
  EXPECT_EQ(agent.orders()[0].identity, "errd");
  EXPECT_EQ(agent.orders()[0].asked_by, "anna");
  EXPECT_FALSE(agent.orders()[0].is_shutdown);
  EXPECT_TRUE(agent.orders()[1].force);
  EXPECT_NE(agent.orders()[0].request, agent.orders()[1].request);
}

TEST_F(ControlSocket, shows_the_state_after_an_order_at_once) {
  AgentStub agent{root_, "web"};
  ASSERT_TRUE(ask({{"request", "status"}}).ok());
  agent.show({{"WAIT", "Transient", "listening"}});
  ASSERT_TRUE(ask({{"request", "operate"}, {"verb", "start"}}).ok());
  EXPECT_EQ(ask({{"request", "status"}})->at("status").at("local").at("state"), "WAIT");
}

TEST_F(ControlSocket, keeps_a_client_whose_answer_comes_from_another_thread) {
  AgentStub agent{root_, "web"};
  const auto refused = ask({{"request", "reload_keys"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_EQ(refused.error().message, "keys not changed: cut off");
}

TEST_F(ControlSocket, passes_on_what_a_verification_is_asked_for) {
  AgentStub agent{root_, "web"};
  const auto begun = ask({{"request", "verify"}, {"repair", false}});
  ASSERT_TRUE(begun.ok());
  EXPECT_EQ(begun->at("message"), "the verification has begun");
  const auto refused = ask({{"request", "verify"}, {"repair", true}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "cannot verify: a copy is under way");
}

TEST_F(ControlSocket, refuses_requests_meant_for_another_node) {
  AgentStub agent{root_, "web"};
  EXPECT_TRUE(ask({{"request", "status"}, {"node", "node1"}}).ok());
  const auto refused = ask({{"request", "operate"}, {"verb", "stop"}, {"node", "node2"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::usage);
  EXPECT_TRUE(agent.orders().empty());
}

TEST_F(ControlSocket, survives_whatever_is_sent) {
  AgentStub agent{root_, "web"};
  for (const std::string& bytes :
       {std::string{"\n"}, std::string{"{}\n"}, std::string{"\0\0\0\0\n", 5}, std::string{"[[[[[[[[\n"},
        std::string(10, '\xff') + "\n", std::string{"GET / HTTP/1.1\r\n\r\n"}}) {
    EXPECT_THAT(exchange_raw(bytes), HasSubstr("\"code\":\"usage\""));
  }
  EXPECT_EQ(exchange_raw(std::string(control::request_bytes_max * 4, 'x')), "") << "no line end: cut off";
  EXPECT_TRUE(ask({{"request", "status"}}).ok());
}

TEST_F(ControlSocket, serves_others_while_some_say_nothing_and_cuts_off_who_is_too_many) {
  AgentStub agent{root_, "web"};
  std::vector<int> silent;
  for (std::size_t count = 0; count + 1 < control::sessions_max; ++count) silent.push_back(connect_raw());
  EXPECT_TRUE(ask({{"request", "status"}}).ok());
  silent.push_back(connect_raw());
  const auto refused = ask({{"request", "status"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::unreachable);
  for (const int socket : silent) ::close(socket);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (!ask({{"request", "status"}}).ok() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(ask({{"request", "status"}}).ok()) << "there is room again";
}

TEST_F(ControlSocket, drops_a_reply_whose_client_has_gone) {
  AgentStub agent{root_, "web"};
  agent.answer_orders(std::nullopt);
  ASSERT_FALSE(ask({{"request", "operate"}, {"verb", "stop"}}, std::chrono::milliseconds{50}).ok());
  agent.answer_orders(core::Reply{{}, true, "accepted"});
  EXPECT_TRUE(ask({{"request", "operate"}, {"verb", "start"}}).ok());
}

TEST_F(ControlSocket, tells_a_frozen_agent_from_one_that_does_not_run) {
  const auto absent = ask({{"request", "status"}});
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::unreachable);
  EXPECT_THAT(absent.error().message, HasSubstr("systemctl start clusteragent@web"));
  AgentStub agent{root_, "web"};
  agent.freeze();
  const auto frozen = ask({{"request", "status"}}, std::chrono::milliseconds{50});
  ASSERT_FALSE(frozen.ok());
  EXPECT_EQ(frozen.error().code, ErrorCode::unreachable);
  EXPECT_THAT(frozen.error().message, HasSubstr("does not answer"));
}

TEST_F(ControlSocket, keeps_a_second_agent_out_also_while_the_first_is_frozen) {
  AgentStub agent{root_, "web"};
  agent.freeze();
  boost::asio::io_context io;
  const auto second = control::ControlServer::open(io, path_, {});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, HasSubstr("another agent of this module is running"));
  agent.release();
  EXPECT_TRUE(ask({{"request", "status"}}).ok()) << "the first one's socket was left alone";
}

TEST_F(ControlSocket, replaces_the_socket_of_a_dead_agent_but_no_other_file) {
  std::filesystem::create_directories(root_.paths().run_dir("web"));
  const int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(left);
  {
    AgentStub agent{root_, "web"};
    EXPECT_TRUE(ask({{"request", "status"}}).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path_)) << "removed when the agent ends";
  std::ofstream{path_} << "somebody's file";
  boost::asio::io_context io;
  EXPECT_FALSE(control::ControlServer::open(io, path_, {}).ok());
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(ControlSocket, works_below_a_root_that_is_longer_than_a_socket_address) {
  const TemporaryRoot deep{"socket_" + std::string(120, 'd')};
  AgentStub agent{deep, "web"};
  ASSERT_GT(deep.paths().socket("web").size(), 108U);
  EXPECT_TRUE(control::request(deep.paths().socket("web"), "web", {{"request", "status"}}).ok());
  EXPECT_TRUE(std::filesystem::is_socket(deep.paths().socket("web")));
}

TEST_F(ControlSocket, is_closed_to_others_by_its_mode) {
  AgentStub agent{root_, "web"};
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0007, 0U);
}

/// What an ordinary user gets; runs in a process of its own that has given its rights away.
int ask_as_nobody(const std::string& path, const Json& message) {
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t nobody = 65534;
    if (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(99);
    const auto answer = control::request(path, "web", message);
    ::_exit(answer.ok() ? 0 : 10 + static_cast<int>(answer.error().code));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST_F(ControlSocket, checks_credentials_even_where_the_mode_lets_everybody_in) {
  ASSERT_EQ(::geteuid(), 0U) << "run as root";
  AgentStub agent{root_, "web"};
  constexpr int refused = 10 + static_cast<int>(ErrorCode::refused);
  EXPECT_EQ(ask_as_nobody(path_, {{"request", "status"}}), refused);
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  EXPECT_EQ(ask_as_nobody(path_, {{"request", "status"}}), refused);
  EXPECT_EQ(ask_as_nobody(path_, {{"request", "operate"}, {"verb", "stop"}}), refused);
  EXPECT_EQ(ask_as_nobody(path_, {{"request", "print"}, {"level", "I"}, {"text", "x"}}), refused);
  EXPECT_TRUE(agent.orders().empty());
  EXPECT_TRUE(agent.printed().empty());
}

}  // namespace
}  // namespace clusteragent::test
