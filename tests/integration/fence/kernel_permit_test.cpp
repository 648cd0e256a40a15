// The permit in the real kernel: without it, an address that is still configured neither answers nor speaks.
#include "agent/fence/kernel_permit.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>

#include "agent/platform/clock.hpp"
#include "tests/integration/fence/prober.hpp"

namespace clusteragent::testing {
namespace {

using boost::asio::ip::make_address;
using fence::KernelPermit;
using platform::boottime_now;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class KernelPermitTest : public ::testing::Test {
 protected:
  KernelPermitTest() {
    lan_.a.must("ip addr add 10.7.0.100/24 dev cable && ip addr add fd07::100/64 dev cable nodad");
    lan_.a.run([this] {
      auto opened = KernelPermit::open("unit-test", {make_address("10.7.0.100"), make_address("fd07::100")});
      if (!opened) throw std::runtime_error{opened.error().message};
      permit_ = std::move(opened).value();
    });
  }

  void allow(Duration lease) {
    permit_->set({Epoch{1}, boottime_now() + lease});
    permit_->settle();
  }
  std::string rules() const { return lan_.a.shell("nft list ruleset").output; }
  bool answers(const std::string& address) const {
    return lan_.b.shell("ip neigh flush dev cable; ping -c1 -W1 " + address).exit_code == 0;
  }

  Lan lan_;
  std::unique_ptr<KernelPermit> permit_;
};

TEST_F(KernelPermitTest, address_is_mute_without_and_served_with_a_permit) {
  EXPECT_FALSE(answers("10.7.0.100"));
  EXPECT_FALSE(answers("fd07::100"));
  EXPECT_TRUE(answers("10.7.0.1")) << "the machine's own address is not touched";
  EXPECT_TRUE(answers("fd07::1"));
  allow(seconds{30});
  EXPECT_TRUE(answers("10.7.0.100"));
  EXPECT_TRUE(answers("fd07::100"));
  EXPECT_EQ(lan_.a.shell("ping -c1 -W1 10.7.0.100").exit_code, 0) << "over the own loopback";
  permit_->revoke();
  permit_->settle();
  EXPECT_FALSE(answers("10.7.0.100"));
  EXPECT_FALSE(answers("fd07::100"));
}

TEST_F(KernelPermitTest, arp_and_neighbour_discovery_fall_silent) {
  const std::string failed = "FAILED|INCOMPLETE";
  lan_.b.shell("ip neigh flush dev cable; ping -c1 -W1 10.7.0.100; ping -c1 -W1 fd07::100");
  EXPECT_EQ(lan_.b.shell("ip neigh show 10.7.0.100 | grep -E '" + failed + "'").exit_code, 0) << "ARP was answered";
  EXPECT_EQ(lan_.b.shell("ip neigh show fd07::100 | grep -E '" + failed + "'").exit_code, 0) << "NDP was answered";
}

TEST_F(KernelPermitTest, connection_can_be_ended_without_a_permit_and_says_nothing_else) {
  for (const char* const address : {"10.7.0.100", "fd07::100"}) {
    const bool is_v4 = make_address(address).is_v4();
    allow(seconds{30});
    ASSERT_TRUE(answers(address));
    // The server says a word when it is told to; the client prints what comes, or that it was reset.
    const std::string server = fmt::format(
        "import socket, time\n"
        "listener = socket.create_server(('{}', 7778), family=socket.{})\n"
        "one = listener.accept()[0]\n"
        "time.sleep(1)\n"
        "one.sendall(b'word')\n"
        "time.sleep(5)\n",
        address, is_v4 ? "AF_INET" : "AF_INET6");
    const std::string client = fmt::format(
        "import socket\n"
        "one = socket.create_connection(('{}', 7778), 5)\n"
        "print('connected', flush=True)\n"
        "try:\n  print('came:', one.recv(9), flush=True)\n"
        "except ConnectionResetError:\n  print('reset', flush=True)\n"
        "except TimeoutError:\n  print('nothing', flush=True)\n",
        address);
    const std::string said = fmt::format("/proc/{}/cwd/permit-test-client", ::getpid());
    lan_.a.must("timeout 10 python3 -c \"" + server + "\" >/dev/null 2>&1 &");
    // By address: the server of the turn before may still be there.
    const std::string endpoint = fmt::format("sport = :7778 src {}", is_v4 ? address : fmt::format("[{}]", address));
    ASSERT_TRUE(eventually(seconds{5}, [&] { return lan_.a.shell("ss -Hltn " + endpoint).output.size() > 1; }));
    lan_.b.must("timeout 10 python3 -c \"" + client + "\" >" + said + " 2>&1 &");
    ASSERT_TRUE(eventually(seconds{5}, [&] { return lan_.b.shell("grep connected " + said).exit_code == 0; }));
    permit_->revoke();
    permit_->settle();
    ::usleep(1'500'000);
    EXPECT_EQ(lan_.b.shell("grep -v connected " + said).output, "") << "data of a muted address";
    lan_.a.must("ss -K " + endpoint);
    EXPECT_TRUE(eventually(seconds{1}, [&] { return lan_.b.shell("grep reset " + said).exit_code == 0; })) << address;
    ::unlink(said.c_str());
    ::usleep(100'000);
  }
}

TEST_F(KernelPermitTest, expires_by_itself_and_never_late) {
  const Prober four{lan_.a, lan_.b, "10.7.0.100"};
  const Prober six{lan_.a, lan_.b, "fd07::100"};
  allow(seconds{30});
  ASSERT_TRUE(four.is_served(seconds{5}));
  ASSERT_TRUE(six.is_served(seconds{5}));
  for (const int lease_ms : {30, 50, 100, 300}) {
    const Instant until = boottime_now() + milliseconds{lease_ms};
    permit_->set({Epoch{1}, until});
    ASSERT_TRUE(four.falls_silent(milliseconds{100}, seconds{5}));
    ASSERT_TRUE(six.falls_silent(milliseconds{100}, seconds{5}));
    // An answer that the kernel let out in time may still take a moment to the client.
    constexpr Duration on_the_way = milliseconds{2};
    for (const Prober* one : {&four, &six}) {
      EXPECT_LE(to_milliseconds(one->last_answer() - until), to_milliseconds(on_the_way)) << lease_ms << " ms";
    }
    std::cout << "lease " << lease_ms << " ms: last answer " << to_milliseconds(until - four.last_answer())
              << " ms before its end\n";
    allow(seconds{30});
    ASSERT_TRUE(four.is_served(seconds{5}));
    ASSERT_TRUE(six.is_served(seconds{5}));
  }
}

TEST_F(KernelPermitTest, renewal_keeps_the_service_without_a_gap) {
  const Prober prober{lan_.a, lan_.b, "10.7.0.100"};
  // Longer than the client's kernel takes to ask for the address a second time.
  allow(seconds{30});
  ASSERT_TRUE(prober.is_served(seconds{5}));
  Duration longest{};
  const Instant end = boottime_now() + seconds{1};
  while (boottime_now() < end) {
    permit_->set({Epoch{1}, boottime_now() + milliseconds{60}});
    ::usleep(10'000);
    longest = std::max(longest, boottime_now() - prober.last_answer());
  }
  EXPECT_LT(to_milliseconds(longest), 40) << "renewed every 10 ms";
}

TEST_F(KernelPermitTest, permit_that_is_over_or_shorter_than_a_tick_adds_nothing) {
  for (const Duration lease : {Duration{milliseconds{3}}, Duration{}, Duration{-seconds{5}}}) {
    allow(seconds{30});
    ASSERT_THAT(rules(), HasSubstr("expires"));
    allow(lease);
    const std::string now = rules();
    EXPECT_THAT(now, Not(HasSubstr("expires")));
    EXPECT_FALSE(answers("10.7.0.100")) << "an element without a timeout would stay for ever";
  }
}

TEST_F(KernelPermitTest, tells_when_the_addresses_may_speak_and_not_when_they_fall_silent) {
  std::atomic<int> told = 0;
  std::atomic<bool> has_element = false;
  permit_->tell_after_each([&] {
    has_element = rules().find("expires") != std::string::npos;
    ++told;
  });
  allow(seconds{30});
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(has_element) << "told before the kernel had it";
  permit_->revoke();
  permit_->settle();
  EXPECT_EQ(told, 1);
}

TEST_F(KernelPermitTest, open_ended_permit_is_taken) {
  permit_->set({Epoch{1}, Instant::from_nanoseconds(INT64_MAX)});
  permit_->settle();
  EXPECT_EQ(permit_->statistics().refusals, 0U);
  EXPECT_TRUE(answers("10.7.0.100"));
}

TEST_F(KernelPermitTest, flushed_rule_set_is_made_anew) {
  lan_.a.must("nft flush ruleset");
  EXPECT_TRUE(answers("10.7.0.100")) << "nothing protects the address";
  allow(seconds{30});
  EXPECT_THAT(rules(), HasSubstr("table arp clusteragent_unit_test"));
  permit_->revoke();
  permit_->settle();
  EXPECT_FALSE(answers("10.7.0.100"));
}

TEST_F(KernelPermitTest, node_without_the_address_is_an_ordinary_client_of_it) {
  // The other node takes the addresses; this one has rules and no permit.
  lan_.a.must("ip addr del 10.7.0.100/24 dev cable && ip addr del fd07::100/64 dev cable");
  lan_.b.must("ip addr add 10.7.0.100/24 dev cable && ip addr add fd07::100/64 dev cable nodad");
  EXPECT_EQ(lan_.a.shell("ping -c1 -W1 10.7.0.100").exit_code, 0);
  EXPECT_EQ(lan_.a.shell("ping -c1 -W1 fd07::100").exit_code, 0);
}

TEST_F(KernelPermitTest, rules_stay_when_the_object_goes_and_leave_with_remove) {
  permit_.reset();
  EXPECT_FALSE(answers("10.7.0.100")) << "an agent that died leaves its address mute";
  lan_.a.run([this] {
    auto opened = KernelPermit::open("unit-test", {make_address("10.7.0.100")});
    ASSERT_TRUE(opened) << "a former life's tables are replaced";
    permit_ = std::move(opened).value();
  });
  EXPECT_THAT(rules(), Not(HasSubstr("fd07::100")));
  EXPECT_TRUE(permit_->remove());
  EXPECT_THAT(rules(), Not(HasSubstr("clusteragent")));
  EXPECT_TRUE(answers("10.7.0.100"));
}

TEST_F(KernelPermitTest, notes_do_not_pile_up_and_cost_little) {
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  constexpr int pulses = 200;
  for (int pulse = 0; pulse < pulses; ++pulse) {
    permit_->set({Epoch{1}, boottime_now() + milliseconds{300}});
    permit_->settle();
  }
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  const auto spent = [](const timeval& a, const timeval& b) {
    return (b.tv_sec - a.tv_sec) * 1'000'000 + b.tv_usec - a.tv_usec;
  };
  const auto statistics = permit_->statistics();
  const std::int64_t cpu = (spent(before.ru_utime, after.ru_utime) + spent(before.ru_stime, after.ru_stime)) / pulses;
  const std::int64_t mean = statistics.total.count() / 1000 / static_cast<std::int64_t>(statistics.transactions);
  std::cout << "renewal: mean " << mean << " us, longest " << statistics.longest.count() / 1000 << " us, CPU " << cpu
            << " us each\n";
  RecordProperty("renewal_mean_us", static_cast<int>(mean));
  RecordProperty("renewal_cpu_us", static_cast<int>(cpu));
  EXPECT_LT(cpu, 1000);
  for (int burst = 0; burst < 10'000; ++burst) permit_->set({Epoch{1}, boottime_now() + milliseconds{300}});
  permit_->revoke();
  permit_->settle();
  EXPECT_FALSE(answers("10.7.0.100")) << "the newest note wins";
}

}  // namespace
}  // namespace clusteragent::testing
