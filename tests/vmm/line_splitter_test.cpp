#include "engine/line_splitter.hpp"
#include "tests/catch.hpp"

#include <string>
#include <vector>

namespace line_splitter_test {

using twofold::vmm::LineSplitter;

TEST_CASE("lines come out whole, however the stream is cut") {
    std::string_view const stream = "first\n\nthird\nrest";
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        std::vector<std::string> lines;
        LineSplitter splitter{[&](std::string_view line) { lines.emplace_back(line); }};
        splitter.feed(stream.substr(0, cut));
        splitter.feed(stream.substr(cut));
        CHECK(lines == std::vector<std::string>{"first", "", "third"});
        splitter.finish();
        CHECK(lines.back() == "rest");
    }
}

TEST_CASE("a stream without newlines does not grow without bound") {
    std::vector<std::string> lines;
    LineSplitter splitter{[&](std::string_view line) { lines.emplace_back(line); }, 10};
    for (int i = 0; i < 8; ++i)
        splitter.feed("aaaaa");
    CHECK(lines == std::vector<std::string>(4, "aaaaaaaaaa"));
}

} // namespace line_splitter_test
