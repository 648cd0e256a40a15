#include "agent/fence/kernel_permit.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <linux/netlink.h>

#include "agent/base/log.hpp"
#include "agent/platform/clock.hpp"
#include "agent/platform/linux/thread.hpp"

namespace clusteragent::fence {
namespace {

using platform::boottime_now;
using platform::errno_text;
using platform::NetlinkSocket;
using std::chrono::milliseconds;

// Kernels before 6.12 take a timeout below one tick (10 ms at HZ=100) for none at all: such an element would never end.
constexpr milliseconds timeout_min{10};
// An open-ended permit: far beyond any tenure, and far from the kernel's own limit.
constexpr milliseconds timeout_max = std::chrono::hours{24 * 365};
constexpr Instant never = Instant::from_nanoseconds(0);

milliseconds timeout_for(Instant until) {
  if (until.nanoseconds() <= boottime_now().nanoseconds()) return {};
  const auto left = std::chrono::floor<milliseconds>(until - boottime_now());
  return left < timeout_min ? milliseconds{0} : std::min(left, timeout_max);
}

Error refusal(int code, const std::string& table) {
  const char* remedy =
      code == EPERM ? "the agent needs CAP_NET_ADMIN" : "the kernel needs nftables (nf_tables, nft_fib_inet)";
  return Error{ErrorCode::system,
               fmt::format("cannot make the nftables rules {}: {}; {}", table, errno_text(code), remedy)};
}

}  // namespace

KernelPermit::KernelPermit(std::string table, Addresses addresses, NetlinkSocket socket)
    : table_{std::move(table)}, addresses_{std::move(addresses)}, socket_{std::move(socket)} {}

KernelPermit::~KernelPermit() {
  stop();
}

Result<std::unique_ptr<KernelPermit>> KernelPermit::open(const std::string& module, const Addresses& addresses,
                                                         std::optional<Instant> until) {
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return socket.error();
  const std::string table = table_name(module);
  const int code = socket->transact(creation_batch(table, addresses, until ? timeout_for(*until) : milliseconds{0}));
  if (code != 0) return refusal(code, table);
  std::unique_ptr<KernelPermit> permit{new KernelPermit{table, addresses, std::move(socket).value()}};
  KernelPermit* const self = permit.get();
  permit->thread_ = platform::start_worker_thread("permit", [self] { self->work(); });
  return permit;
}

void KernelPermit::set(const core::SetPermit& action) {
  post(action.until);
}

void KernelPermit::revoke() {
  post(never);
}

void KernelPermit::post(Instant until) {
  {
    const std::lock_guard lock{mutex_};
    wanted_ = until;
  }
  changed_.notify_all();
}

void KernelPermit::settle() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return (!wanted_ && !is_working_) || is_stopping_; });
}

bool KernelPermit::settle_within(Duration limit) {
  std::unique_lock lock{mutex_};
  const bool is_settled = changed_.wait_for(lock, limit, [this] { return (!wanted_ && !is_working_) || is_stopping_; });
  return is_settled && !is_refused_;
}

void KernelPermit::work() {
  std::unique_lock lock{mutex_};
  while (true) {
    changed_.wait(lock, [this] { return wanted_ || is_stopping_; });
    if (!wanted_) return;
    const Instant until = *wanted_;
    wanted_.reset();
    is_working_ = true;
    lock.unlock();
    const Instant start = boottime_now();
    const int code = carry_out(until);
    if (told_ && until != never) told_();
    lock.lock();
    note_result(code, boottime_now() - start);
    is_working_ = false;
    changed_.notify_all();
  }
}

int KernelPermit::carry_out(Instant until) {
  const milliseconds timeout = timeout_for(until);
  int code = socket_.transact(permit_batch(table_, addresses_, timeout));
  if (code == ENOENT) {
    log::critical("fence", "the nftables rules {} are gone (was the rule set flushed?); making them anew", table_);
    code = socket_.transact(creation_batch(table_, addresses_));
    if (code == 0) code = socket_.transact(permit_batch(table_, addresses_, timeout_for(until)));
  }
  // Stopped between reading the clock and the kernel's work: the element would outlive the permit.
  if (timeout.count() > 0 && boottime_now() >= until) {
    return socket_.transact(permit_batch(table_, addresses_, milliseconds{0}));
  }
  return code;
}

void KernelPermit::note_result(int code, Duration spent) {
  ++statistics_.transactions;
  statistics_.total += spent;
  statistics_.longest = std::max(statistics_.longest, spent);
  if (code != 0) ++statistics_.refusals;
  // A refusal at every pulse is one fact, not a hundred lines a second.
  if (code != 0 && !is_refused_) {
    log::critical("fence", "the kernel refuses the permit for {}: {}; the virtual IP stays mute", table_,
                  errno_text(code));
  }
  if (code == 0 && is_refused_) log::event("fence", "the kernel takes the permit for {} again", table_);
  is_refused_ = code != 0;
}

void KernelPermit::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock{mutex_};
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Status KernelPermit::remove() {
  stop();
  const int code = socket_.transact(removal_batch(table_, addresses_));
  if (code == 0) return success();
  return Error{ErrorCode::system,
               fmt::format("cannot remove the nftables rules {}: {}; `nft delete table inet {}` does", table_,
                           errno_text(code), table_)};
}

platform::KernelMessage KernelPermit::mute_message() const {
  return {NETLINK_NETFILTER, permit_batch(table_, addresses_, milliseconds{0})};
}

PermitStatistics KernelPermit::statistics() const {
  const std::lock_guard lock{mutex_};
  return statistics_;
}

std::string KernelPermit::describe_margin() const {
  return fmt::format(
      "the kernel mutes the virtual IP by itself at the end of the permit, at most 8 ms early (nftables table "
      "inet {}); the guard and the address lifetime remove the address after that",
      table_);
}

std::string describe_margin_without_nftables(const Error& why, std::chrono::seconds address_lifetime) {
  return fmt::format(
      "{}; until then an agent that is killed or stopped loses the virtual IP through the guard within "
      "milliseconds, and where the guard is dead as well through the address lifetime within {} s: the "
      "other node may answer for it too in that time",
      why.message, address_lifetime.count() + 1);
}

}  // namespace clusteragent::fence
