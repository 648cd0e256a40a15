#pragma once
// Verbs for the tests of agent/config. Values only; each test owns its fixture.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "agent/config/config.hpp"

namespace clusteragent::config::testing {

inline std::string joined(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += diagnostic.format() + "\n";
  return out;
}

inline const std::string two_nodes = R"(<cluster>
  <lans>
    <lan name="default">
      <node name="alpha" addr="10.0.1.1"/>
      <node name="beta" addr="10.0.1.2"/>
    </lan>
    <lan name="private">
      <node name="beta" addr="10.0.2.2"/>
      <node name="alpha" addr="10.0.2.1"/>
    </lan>
  </lans>
</cluster>
)";

class ConfigTest : public ::testing::Test {
 protected:
  /// Reads the module with the two-node cluster and keeps what came of it.
  void load(const std::string& text) {
    const auto parsed = parse_module(text, "userconfig.xml", &cluster_, [this](const std::string& name) {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional{found->second};
    });
    module_ = parsed.value;
    diagnostics_ = parsed.diagnostics;
  }
  /// The smallest module with `inside` added to its service.
  void load_service(const std::string& inside) {
    load("<safe><service mode=\"mirror\"><heart><heartbeat name=\"default\"/></heart>\n" + inside +
         "\n</service></safe>");
  }
  void load_cluster(const std::string& text) {
    const auto parsed = parse_cluster(text, "cluster.xml");
    diagnostics_ = parsed.diagnostics;
    if (parsed.value) cluster_ = *parsed.value;
    has_cluster_ = parsed.value.has_value();
  }
  void set_environment(const std::string& name, const std::string& value) { environment_[name] = value; }

  void expect_loaded() const {
    EXPECT_TRUE(module_.has_value());
    EXPECT_EQ(joined(diagnostics_), "");
  }
  /// Exactly these lines, in this order.
  void expect_messages(const std::vector<std::string>& lines) const {
    std::string expected;
    for (const std::string& line : lines) expected += line + "\n";
    EXPECT_EQ(joined(diagnostics_), expected);
  }
  /// One error, and it says this.
  void expect_one_error(const std::string& part) const {
    EXPECT_FALSE(module_.has_value());
    ASSERT_EQ(diagnostics_.size(), 1U) << joined(diagnostics_);
    EXPECT_EQ(diagnostics_[0].severity, Severity::error);
    EXPECT_NE(diagnostics_[0].format().find(part), std::string::npos) << diagnostics_[0].format();
  }
  void expect_one_warning(const std::string& part) const {
    EXPECT_TRUE(module_.has_value());
    ASSERT_EQ(diagnostics_.size(), 1U) << joined(diagnostics_);
    EXPECT_EQ(diagnostics_[0].severity, Severity::warning);
    EXPECT_NE(diagnostics_[0].format().find(part), std::string::npos) << diagnostics_[0].format();
  }
  std::uint64_t hash_of(const std::string& text) {
    load(text);
    EXPECT_TRUE(module_.has_value()) << joined(diagnostics_);
    return module_ ? effective_hash(*module_, cluster_) : 0;
  }

  ClusterConfig cluster_ = *parse_cluster(two_nodes, "cluster.xml").value;
  bool has_cluster_ = false;
  std::optional<ModuleConfig> module_;
  std::vector<Diagnostic> diagnostics_;
  std::map<std::string, std::string> environment_;
};

}  // namespace clusteragent::config::testing
