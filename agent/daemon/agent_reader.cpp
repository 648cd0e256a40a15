// The address for clients that only read.
#include "agent/daemon/agent.hpp"
#include "agent/daemon/mapping.hpp"

namespace clusteragent::daemon {
namespace {

/// A module without one.
class NoReader final : public core::ReaderPort {
 public:
  void acquire_reader(const core::AcquireReader&) override {}
  void release_reader(const core::ReleaseReader&) override {}
  void set_reader_permit(const core::SetReaderPermit&) override {}
  void revoke_reader_permit() override {}
};

}  // namespace

core::ReaderPort& Agent::reader() {
  static NoReader none;
  return reader_ ? static_cast<core::ReaderPort&>(*reader_) : none;
}

Status Agent::open_reader() {
  if (!setup_.config.has_reader_address()) return success();
  auto mapped = vip_options(setup_.config, true);
  if (!mapped) return mapped.error();
  auto opened = ReaderAddress::open(io_, setup_.module, std::move(*mapped),
                                    [this](core::Event event) { deliver(std::move(event)); });
  if (!opened) return opened.error();
  reader_ = std::move(*opened);
  if (!reader_->warning().empty()) warnings_.push_back(reader_->warning());
  return success();
}

void Agent::add_reader_status(control::Json& status, const core::ReaderView& view) const {
  if (!reader_) return;
  status["reader"] = {
      {"addresses", reader_->addresses()}, {"holds", view.holds}, {"fit", view.is_fit}, {"why", view.why}};
}

}  // namespace clusteragent::daemon
