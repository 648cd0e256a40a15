#include "agent/transport/status_codec.hpp"

#include <gtest/gtest.h>

#include <array>

namespace clusteragent::transport {
namespace {

core::PeerStatus sample() {
  core::PeerStatus status;
  status.node = NodeId{1};
  status.incarnation = Incarnation{2};
  status.beat = 3;
  status.heard_incarnation = Incarnation{4};
  status.heard_beat = 5;
  status.heard_age = Duration{6};
  status.state = core::ModuleState::prim;
  status.activity = core::Activity::ready;
  status.record = {Epoch{7}, Revision{8}, NodeId{1}, core::NodeSet::only(NodeId{1})};
  status.proposal = core::Record{Epoch{9}, Revision{1}, NodeId{1}, core::NodeSet::both()};
  status.voted = Epoch{9};
  status.blocked = core::BlockReason::interface_down;
  status.wish_id = 9;
  status.granted_wish_id = 10;
  status.config_hash = 11;
  status.restarts_for = Duration{12};
  status.waits_for = Duration{13};
  status.maintenance_number = 14;
  status.maintenance_left = Duration{15};
  return status;
}

core::PeerStatus over_the_wire(const core::PeerStatus& status, std::uint8_t version = 2) {
  wire::Header header;
  header.version = version;
  header.node = status.node;
  header.incarnation = status.incarnation;
  const wire::Keys keys = wire::Keys::derive(wire::Key{1}, "m");
  const auto decoded = wire::decode(wire::encode(header, to_frame(status), keys), 0, keys);
  const auto& body = std::get<wire::Decoded>(decoded).body;
  return to_status(header, std::get<wire::StatusFrame>(*body));
}

TEST(StatusCodec, gives_back_every_field) {
  const core::PeerStatus back = over_the_wire(sample());
  EXPECT_EQ(back.node, NodeId{1});
  EXPECT_EQ(back.incarnation, Incarnation{2});
  EXPECT_EQ(back.beat, 3U);
  EXPECT_EQ(back.heard_incarnation, Incarnation{4});
  EXPECT_EQ(back.heard_beat, 5U);
  EXPECT_EQ(back.heard_age, Duration{6});
  EXPECT_EQ(back.state, core::ModuleState::prim);
  EXPECT_EQ(back.activity, core::Activity::ready);
  EXPECT_EQ(back.record, sample().record);
  EXPECT_EQ(back.proposal, sample().proposal);
  EXPECT_EQ(over_the_wire({}).proposal, std::nullopt);
  EXPECT_EQ(back.voted, Epoch{9});
  EXPECT_EQ(back.blocked, core::BlockReason::interface_down);
  EXPECT_EQ(back.wish_id, 9U);
  EXPECT_EQ(back.granted_wish_id, 10U);
  EXPECT_EQ(back.config_hash, 11U);
  EXPECT_EQ(back.restarts_for, Duration{12});
  EXPECT_EQ(back.waits_for, Duration{13});
  EXPECT_EQ(back.maintenance_number, 14U);
  EXPECT_EQ(back.maintenance_left, Duration{15});
}

TEST(StatusCodec, leaves_out_what_version_1_does_not_know) {
  core::PeerStatus status = sample();
  status.blocked = core::BlockReason::maintenance;
  status.holds_reader = status.is_reader_fit = status.grants_reader = true;
  const core::PeerStatus back = over_the_wire(status, 1);
  EXPECT_EQ(back.config_hash, 11U);
  EXPECT_EQ(back.restarts_for, Duration::zero());
  EXPECT_EQ(back.waits_for, Duration::zero());
  EXPECT_EQ(back.maintenance_number, 0U);
  EXPECT_FALSE(back.holds_reader || back.is_reader_fit || back.grants_reader);
  EXPECT_EQ(back.blocked, core::BlockReason::operator_hold);
}

TEST(StatusCodec, mixes_no_flag_up_with_another) {
  using Flag = bool core::PeerStatus::*;
  const std::array<Flag, 10> flags{&core::PeerStatus::holds_vip,     &core::PeerStatus::runs_service,
                                   &core::PeerStatus::is_promotable, &core::PeerStatus::yields,
                                   &core::PeerStatus::is_candidate,  &core::PeerStatus::insists,
                                   &core::PeerStatus::is_probe,      &core::PeerStatus::holds_reader,
                                   &core::PeerStatus::is_reader_fit, &core::PeerStatus::grants_reader};
  for (const Flag only : flags) {
    core::PeerStatus status;
    status.*only = true;
    const core::PeerStatus back = over_the_wire(status);
    for (const Flag flag : flags) EXPECT_EQ(back.*flag, flag == only);
  }
}

TEST(StatusCodec, carries_every_state_and_reason_that_the_core_has) {
  for (std::uint8_t number = 0; number <= wire::blocked_max; ++number) {
    core::PeerStatus status;
    status.blocked = static_cast<core::BlockReason>(number);
    EXPECT_EQ(over_the_wire(status).blocked, status.blocked);
  }
  for (const auto state : {core::ModuleState::stop, core::ModuleState::wait, core::ModuleState::alone,
                           core::ModuleState::prim, core::ModuleState::second}) {
    core::PeerStatus status;
    status.state = state;
    EXPECT_EQ(over_the_wire(status).state, state);
  }
}

}  // namespace
}  // namespace clusteragent::transport
