// What becomes of TCP segments that still arrive for an address which this machine has given up.
#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/platform/clock.hpp"
#include "agent/platform/fd.hpp"
#include "agent/vip/reset_answerer.hpp"
#include "tests/integration/vip/vip_fixture.hpp"

namespace clusteragent::testing {
namespace {

using boost::asio::ip::make_address;
using boost::asio::ip::tcp;
using platform::boottime_now;
using platform::Fd;

constexpr std::uint16_t port = 7777;
// Below the first repetition of a SYN (one second), far above what two namespaces need.
constexpr std::chrono::milliseconds at_once{500};
constexpr int silence = ETIMEDOUT;

class LateSegments : public ::testing::Test {
 protected:
  LateSegments() : node_{lan_.a, options()} {}

  static vip::Options options() {
    vip::Options options;
    options.addresses = {{make_address("10.7.0.100"), "", std::nullopt}, {make_address("fd07::100"), "", std::nullopt}};
    return options;
  }

  /// Held, and the neighbour has had a word with it: from here on it knows the MAC.
  void hold() {
    ASSERT_EQ(node_.acquire().outcome, core::Outcome::success);
    ASSERT_EQ(lan_.b.shell("ping -c1 -W1 10.7.0.100 && ping -6 -c1 -W1 fd07::100").exit_code, 0);
  }

  /// A connection of the neighbour's; the error is what became of it, ETIMEDOUT: nobody has answered.
  struct Attempt {
    Fd socket;
    int error = 0;
  };
  Attempt connect_to(const char* address) {
    Attempt attempt;
    lan_.b.run([&] {
      const tcp::endpoint to{make_address(address), port};
      attempt.socket = Fd{::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
      ::connect(attempt.socket.number(), to.data(), static_cast<socklen_t>(to.size()));
    });
    attempt.error = error_of(attempt.socket, POLLOUT);
    return attempt;
  }

  static int error_of(const Fd& socket, short event) {
    pollfd wait{socket.number(), event, 0};
    if (::poll(&wait, 1, static_cast<int>(at_once.count())) == 0) return silence;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }

  Fd listener(const char* address) {
    Fd socket;
    lan_.a.run([&] {
      const tcp::endpoint at{make_address(address), port};
      socket = Fd{::socket(at.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
      const int on = 1;
      ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      ASSERT_EQ(::bind(socket.number(), at.data(), static_cast<socklen_t>(at.size())), 0);
      ASSERT_EQ(::listen(socket.number(), 8), 0);
    });
    return socket;
  }

  /// The neighbour announces the IPv4 address as its own, as another owner does.
  void claim() const {
    lan_.b.run([] {
      const Fd socket{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
      const auto frame = vip::gratuitous_request({0x02, 0, 0, 0, 0, 0x0b}, make_address("10.7.0.100").to_v4());
      sockaddr_ll to{};
      to.sll_family = AF_PACKET;
      to.sll_ifindex = static_cast<int>(::if_nametoindex("cable"));
      ASSERT_EQ(
          ::sendto(socket.number(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
          static_cast<ssize_t>(frame.size()));
    });
  }

  Lan lan_;
  VipNode node_;
};

TEST_F(LateSegments, first_ones_are_refused_at_once_and_after_the_span_there_is_silence) {
  hold();
  ASSERT_EQ(node_.release().outcome, core::Outcome::success);
  const Instant released = boottime_now();
  for (const char* address : {"10.7.0.100", "fd07::100", "10.7.0.100"}) {
    EXPECT_EQ(connect_to(address).error, ECONNREFUSED) << address;
  }
  EXPECT_LT(boottime_now() - released, at_once);
  node_.run_for(vip::reset_span + std::chrono::milliseconds{100});
  for (const char* address : {"10.7.0.100", "fd07::100"}) EXPECT_EQ(connect_to(address).error, silence) << address;
}

TEST_F(LateSegments, those_of_a_connection_reset_it) {
  hold();
  for (const char* address : {"10.7.0.100", "fd07::100"}) {
    hold();
    const Fd server = listener(address);
    const Attempt client = connect_to(address);
    ASSERT_EQ(client.error, 0);
    // The RST by which the connection was ended is lost on the way.
    lan_.b.must(
        "nft 'add table inet lossy; add chain inet lossy in { type filter hook input priority 0; }; "
        "add rule inet lossy in tcp flags & rst == rst drop'");
    node_.release();
    lan_.b.must("nft delete table inet lossy");
    ASSERT_EQ(::send(client.socket.number(), "late", 4, MSG_NOSIGNAL), 4);
    EXPECT_EQ(error_of(client.socket, POLLIN), ECONNRESET) << address;
  }
}

TEST_F(LateSegments, client_that_waits_for_an_answer_is_told) {
  const Fd everywhere = listener("::");
  for (const char* address : {"10.7.0.100", "fd07::100"}) {
    hold();
    const Attempt client = connect_to(address);
    const Attempt of_the_machine = connect_to(make_address(address).is_v4() ? "10.7.0.1" : "fd07::1");
    ASSERT_EQ(client.error, 0);
    ASSERT_EQ(of_the_machine.error, 0);
    node_.release();
    EXPECT_EQ(error_of(client.socket, POLLIN), ECONNRESET) << address;
    EXPECT_EQ(error_of(of_the_machine.socket, POLLIN), silence) << "not a connection of the virtual address";
  }
}

TEST_F(LateSegments, address_that_came_back_serves) {
  hold();
  const Fd server = listener("10.7.0.100");
  for (int round = 0; round < 5; ++round) {
    node_.release();
    EXPECT_EQ(connect_to("10.7.0.100").error, ECONNREFUSED);
    node_.acquire();
    const Attempt client = connect_to("10.7.0.100");
    EXPECT_EQ(client.error, 0);
    EXPECT_EQ(::send(client.socket.number(), "word", 4, MSG_NOSIGNAL), 4);
    const Fd taken{::accept(server.number(), nullptr, nullptr)};
    pollfd wait{taken.number(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, static_cast<int>(at_once.count())), 1);
    EXPECT_EQ(error_of(client.socket, POLLIN), silence) << "reset while the address is held";
  }
}

TEST_F(LateSegments, next_owner_ends_it) {
  hold();
  node_.release();
  EXPECT_EQ(connect_to("10.7.0.100").error, ECONNREFUSED);
  claim();
  node_.run_for(vip::reset_span_after_claim + std::chrono::milliseconds{100});
  EXPECT_EQ(connect_to("10.7.0.100").error, silence);
}

TEST_F(LateSegments, where_another_one_claims_the_address_already_it_does_not_begin) {
  hold();
  claim();
  ASSERT_TRUE(node_.wait<core::VipConflict>());
  node_.release();
  EXPECT_EQ(connect_to("10.7.0.100").error, silence);
}

TEST_F(LateSegments, segments_for_other_addresses_and_of_an_address_never_held_are_none_of_its_business) {
  node_.release();
  for (const char* address : {"10.7.0.100", "10.7.0.101"}) {
    const std::string mac = lan_.a.shell("ip -o link show cable | sed 's,.*ether ,,; s, .*,,'").output;
    lan_.b.must(fmt::format("ip neigh replace {} dev cable lladdr {}", address, mac));
  }
  EXPECT_EQ(connect_to("10.7.0.100").error, silence) << "never held";
  hold();
  node_.release();
  EXPECT_EQ(connect_to("10.7.0.101").error, silence);
  EXPECT_EQ(connect_to("10.7.0.100").error, ECONNREFUSED);
}

}  // namespace
}  // namespace clusteragent::testing
