#include "report/console_filter.hpp"
#include "tests/catch.hpp"

#include <string>

namespace console_filter_test {

using twofold::vmm::ConsoleFilter;

namespace {

std::string filtered(std::string_view bytes) {
    ConsoleFilter filter;
    std::string shown = filter.feed(bytes);
    return shown + filter.finish();
}

} // namespace

TEST_CASE("printable text, newline, tab and carriage return pass") {
    CHECK(filtered("Hello, \tworld\r\n") == "Hello, \tworld\r\n");
    CHECK(filtered("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80") ==
          "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
}

TEST_CASE("a guest cannot send escape sequences to the terminal") {
    CHECK(filtered("\x1b[2J\x1b]0;title\x07") == "\\x1b[2J\\x1b]0;title\\x07");
    CHECK(filtered(std::string_view{"\0\x08\x7f", 3}) == "\\x00\\x08\\x7f");
    // CSI as one C1 control, well-formed as UTF-8 and bare
    CHECK(filtered("\xc2\x9b"
                   "2J") == "\\xc2\\x9b2J");
    CHECK(filtered("\x9b"
                   "2J") == "\\x9b2J");
}

TEST_CASE("a guest cannot turn the direction of writing") {
    CHECK(filtered("\xe2\x80\xae"
                   "evil") == "\\xe2\\x80\\xaeevil");
    CHECK(filtered("\xe2\x81\xa6") == "\\xe2\\x81\\xa6");
}

TEST_CASE("bytes that are not UTF-8 are shown one by one") {
    CHECK(filtered("\xff\xfe") == "\\xff\\xfe");
    CHECK(filtered("\xc0\x80") == "\\xc0\\x80");          // overlong
    CHECK(filtered("\xed\xa0\x80") == "\\xed\\xa0\\x80"); // surrogate
    CHECK(filtered("\xe2\x82x") == "\\xe2\\x82x");
}

TEST_CASE("where the stream is cut does not matter") {
    std::string_view const text = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xc2\x9b\xff\n";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        ConsoleFilter filter;
        std::string shown = filter.feed(text.substr(0, cut));
        shown += filter.feed(text.substr(cut));
        CHECK(shown + filter.finish() == filtered(text));
    }
}

TEST_CASE(
    "a text byte is shown at once, a started sequence at the end of the stream at the latest") {
    ConsoleFilter filter;
    CHECK(filter.feed("a") == "a");
    CHECK(filter.feed("\xe2\x82") == "");
    CHECK(filter.finish() == "\\xe2\\x82");
}

TEST_CASE("raw, everything passes") {
    ConsoleFilter filter{true};
    CHECK(filter.feed("\x1b[2J\xff") == "\x1b[2J\xff");
    CHECK(filter.finish().empty());
}

} // namespace console_filter_test
