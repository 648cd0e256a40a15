#include "agent/config/document.hpp"

#include "tests/unit/config/support.hpp"

namespace clusteragent::config::testing {
namespace {

class Document : public ::testing::Test {
 protected:
  /// The one message that the text gives, without the file's name; empty: it was read.
  static std::string fault(std::string_view text) {
    Diagnostics diagnostics{"f"};
    const auto root = read_document(text, diagnostics);
    const auto list = diagnostics.take();
    EXPECT_EQ(root.has_value(), list.empty());
    EXPECT_LE(list.size(), 1U);
    return list.empty() ? std::string{} : list[0].format().substr(2);
  }
};

TEST_F(Document, is_read_with_places) {
  Diagnostics diagnostics{"f"};
  const auto root = read_document(
      "\xef\xbb\xbf<?xml version=\"1.0\"?>\n<a>\r\n  <b  x='1'\n y=\"&lt;&#x41;&amp;\"/></a>", diagnostics);
  ASSERT_TRUE(root);
  const XmlElement& b = root->children.at(0);
  EXPECT_EQ(b.at.line, 3U);
  EXPECT_EQ(b.at.column, 3U);
  EXPECT_EQ(b.attributes.at(0).at.column, 7U);
  EXPECT_EQ(b.attributes.at(1).value, "<A&");
  EXPECT_EQ(b.attributes.at(1).at.line, 4U);
  EXPECT_EQ(b.attributes.at(1).at.column, 2U);
}

TEST_F(Document, may_name_its_type_and_nothing_more) {
  EXPECT_EQ(fault("<!DOCTYPE safe><safe/>"), "");
  EXPECT_EQ(fault("<!-- x --><!DOCTYPE  safe ><safe/>"), "");
  EXPECT_EQ(fault("<!DOCTYPE safe SYSTEM \"file:///etc/passwd\"><safe/>"),
            "1:16: error: <!DOCTYPE> with an external identifier is refused: no other file is ever read");
  EXPECT_EQ(fault("<!DOCTYPE safe PUBLIC \"a\" \"b\"><safe/>").substr(0, 5), "1:16:");
  EXPECT_EQ(fault("<!DOCTYPE safe [<!ENTITY a \"b\">]><safe x=\"&a;\"/>"),
            "1:16: error: <!DOCTYPE> with an internal subset is refused: entities are never expanded");
  EXPECT_NE(fault("<!ENTITY a \"b\"><safe/>"), "");
  EXPECT_NE(fault("<safe/><!DOCTYPE safe>"), "");
  EXPECT_NE(fault("<!DOCTYPE safe><!DOCTYPE safe><safe/>"), "");
}

TEST_F(Document, has_no_entities_but_the_predefined) {
  EXPECT_EQ(fault("<a x=\"&lt;&gt;&amp;&quot;&apos;&#65;&#x41;\"/>"), "");
  EXPECT_EQ(fault("<a x=\"&foo;\"/>").substr(0, 35), "1:7: error: \"&foo;\" is not defined:");
  EXPECT_NE(fault("<a x=\"a & b\"/>"), "");
  EXPECT_NE(fault("<a x=\"&#0;\"/>"), "");
  EXPECT_NE(fault("<a x=\"&#xD800;\"/>"), "");
  EXPECT_NE(fault("<a x=\"&#99999999999;\"/>"), "");
  EXPECT_NE(fault("<a>&foo;</a>"), "");
}

TEST_F(Document, is_well_formed) {
  EXPECT_EQ(fault("<a><b></c></a>"), "1:7: error: </c> stands where </b> is expected: <b> of line 1 is still open");
  EXPECT_EQ(fault("<a x=\"1\" x=\"2\"/>"), "1:10: error: in <a>: attribute \"x\" is written twice");
  EXPECT_EQ(fault("<a><b>"), "1:4: error: <b> is never closed by </b>");
  for (const char* text : {"",
                           "   ",
                           "x",
                           "<a/>x",
                           "<a/><b/>",
                           "</a>",
                           "<a",
                           "<a x",
                           "<a x=",
                           "<a x=1/>",
                           "<a x=\"1",
                           "<a x=\"<\"/>",
                           "<a x=\"1\"y=\"2\"/>",
                           "<!-- ",
                           "<a><![CDATA[",
                           "<?xml",
                           "<",
                           "<a></a",
                           "< a/>",
                           "<a =\"1\"/>"}) {
    EXPECT_NE(fault(text), "") << text;
  }
}

TEST_F(Document, is_text) {
  using namespace std::string_view_literals;
  EXPECT_EQ(fault("<a>\n\0</a>"sv), "2:1: error: the file holds a NUL byte; it is binary or UTF-16, save it as UTF-8");
  EXPECT_EQ(fault("\xff\xfe<\0a\0"sv), "1:1: error: the file is UTF-16; save it as UTF-8");
  EXPECT_EQ(fault("<a x=\"\xe9\"/>"), "1:7: error: byte 0xe9 is not valid UTF-8; save the file as UTF-8");
  for (const char* bytes :
       {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_NE(fault(std::string{"<!--"} + bytes + "--><a/>"), "");
  }
  EXPECT_NE(fault("<a>\x07</a>"), "");
}

TEST_F(Document, is_bounded) {
  std::string deep;
  for (std::size_t i = 0; i <= depth_max; ++i) deep += "<a>";
  EXPECT_NE(fault(deep).find("nested deeper than 32"), std::string::npos);
  std::string wide = "<r>";
  for (std::size_t i = 0; i < elements_max; ++i) wide += "<a/>";
  EXPECT_NE(fault(wide + "</r>").find("more than 10000 elements"), std::string::npos);
  EXPECT_NE(fault(std::string(file_bytes_max + 1, ' ')).find("more than a configuration can have"), std::string::npos);
  std::string attributes = "<a";
  for (std::size_t i = 0; i <= attributes_max; ++i) attributes += " x" + std::to_string(i) + "=\"\"";
  EXPECT_NE(fault(attributes + "/>").find("more than 64 attributes"), std::string::npos);
}

TEST(DiagnosticList, is_bounded_and_says_how_much_it_left_out) {
  std::string text = "<safe>";
  for (int i = 0; i < 300; ++i) text += "<unknown/>\n";
  const auto parsed = parse_module(text + "</safe>", "f", nullptr);
  ASSERT_EQ(parsed.diagnostics.size(), diagnostics_max + 1);
  EXPECT_NE(parsed.diagnostics.back().message.find("201 more mistakes"), std::string::npos);
}

TEST(NearestName, finds_slips_and_nothing_else) {
  const std::vector<std::string_view> names{"pulse", "timeout", "port"};
  EXPECT_EQ(nearest_name("puls", names), "pulse");
  EXPECT_EQ(nearest_name("TimeOut", names), "timeout");
  EXPECT_EQ(nearest_name("pluse", names), "pulse");
  EXPECT_EQ(nearest_name("colour", names), "");
  EXPECT_EQ(nearest_name("", names), "");
}

TEST(Address, parses_what_rfc_4291_writes) {
  const auto canonical = [](std::string_view text) {
    const auto address = IpAddress::parse(text);
    return address ? address->text() : std::string{};
  };
  EXPECT_EQ(canonical("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(canonical("::"), "::");
  EXPECT_EQ(canonical("::1"), "::1");
  EXPECT_EQ(canonical("2001:DB8:0:0:8:800:200C:417A"), "2001:db8::8:800:200c:417a");
  EXPECT_EQ(canonical("1:0:0:2:0:0:0:3"), "1:0:0:2::3");
  EXPECT_EQ(canonical("1:2:3:4:5:6:7:0"), "1:2:3:4:5:6:7:0");
  EXPECT_EQ(canonical("::ffff:192.0.2.1"), "::ffff:c000:201");
  EXPECT_EQ(canonical("[fe80::1]"), "fe80::1");
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "[1.2.3.4]", "1:2", ":::", "1::2::3",
        "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "fe80::1%eth0", "1.2.3.4::", "::1.2.3", "a b"}) {
    EXPECT_EQ(canonical(text), "") << text;
  }
}

}  // namespace
}  // namespace clusteragent::config::testing
