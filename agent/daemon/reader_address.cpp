#include "agent/daemon/reader_address.hpp"

#include <utility>
#include <variant>

#include "agent/base/log.hpp"

namespace clusteragent::daemon {
namespace {

// Longer than a module's name may be, so that no other module's rules are meant.
constexpr const char* rules_prefix = "addresses_for_readers_of_";

/// What happens to these addresses must not be taken for news of the virtual IP.
core::EventSink translated(core::EventSink sink) {
  return [sink = std::move(sink)](core::Event event) {
    if (const auto* lost = std::get_if<core::VipLost>(&event)) return sink(core::ReaderLost{lost->address});
    if (const auto* conflict = std::get_if<core::VipConflict>(&event)) {
      return log::critical("vip", "{} also answers for the readers' address {}; find that machine", conflict->mac,
                           conflict->address);
    }
    if (std::holds_alternative<core::ActionFinished>(event)) sink(std::move(event));
  };
}

}  // namespace

Result<std::unique_ptr<ReaderAddress>> ReaderAddress::open(boost::asio::io_context& io, const std::string& module,
                                                           vip::Options options, core::EventSink sink) {
  std::unique_ptr<ReaderAddress> reader{new ReaderAddress};
  fence::Addresses addresses;
  for (const vip::VirtualAddress& each : options.addresses) {
    addresses.push_back(each.address);
    reader->addresses_.push_back(each.address.to_string());
  }
  // Mute before anything else: a former life may have left them set.
  auto permit = fence::KernelPermit::open(rules_prefix + module, addresses);
  options.checked_interfaces.clear();
  auto opened = vip::VirtualIp::open(io, std::move(options), translated(std::move(sink)));
  if (!opened) return opened.error();
  reader->vip_ = std::move(*opened);
  reader->permit_.add({[raw = reader.get()](const core::SetPermit& one) { raw->vip_->set_permit(one.until); },
                       [raw = reader.get()] { raw->vip_->revoke_permit(); }});
  if (permit) {
    reader->kernel_permit_ = std::move(*permit);
    reader->permit_.add({[raw = reader.get()](const core::SetPermit& one) { raw->kernel_permit_->set(one); },
                         [raw = reader.get()] { raw->kernel_permit_->revoke(); }});
  } else {
    reader->warning_ = "readers' address: " + permit.error().message +
                       "; until then both nodes may answer for it for seconds after an agent was killed or stopped";
    log::critical("fence", "{}", reader->warning_);
  }
  // Never without one: without a word about it the addresses would be answered for without end.
  reader->permit_.revoke();
  return reader;
}

void ReaderAddress::acquire_reader(const core::AcquireReader& action) {
  vip_->acquire({action.token, Epoch{}});
}

void ReaderAddress::release_reader(const core::ReleaseReader& action) {
  vip_->release({action.token});
}

void ReaderAddress::set_reader_permit(const core::SetReaderPermit& action) {
  permit_.set({Epoch{}, action.until});
}

void ReaderAddress::revoke_reader_permit() {
  permit_.revoke();
}

void ReaderAddress::remove_rules() {
  if (!kernel_permit_) return;
  if (const Status removed = kernel_permit_->remove(); !removed) log::critical("fence", "{}", removed.error().message);
}

}  // namespace clusteragent::daemon
