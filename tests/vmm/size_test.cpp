#include "cli/size.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"

namespace size_test {

using namespace twofold;
using namespace twofold::vmm;
using twofold::test::failure_of;
using twofold::test::holds;

TEST_CASE("a size is a number with an optional binary unit") {
    CHECK(parse_size("--memory", "4096") == 4096);
    CHECK(parse_size("--memory", "0x4000") == 0x4000);
    CHECK(parse_size("--memory", "64M") == 64 << 20);
    CHECK(parse_size("--memory", "64m") == 64 << 20);
    CHECK(parse_size("--memory", "64MiB") == 64 << 20);
    CHECK(parse_size("--memory", "3kb") == 3 << 10);
    CHECK(parse_size("--memory", "2G") == std::uint64_t{2} << 30);
    CHECK(parse_size("--memory", "0") == 0);
    CHECK(parse_size("--memory", "18446744073709551615") == ~std::uint64_t{0});
}

TEST_CASE("what is not a size is refused, naming the option and the text") {
    for (auto const* const text :
         {"", "M", "64Q", "-1", "+1", "1.5G", "64 M", "64Mi", "0x", "0xg", "64MM", " 64"}) {
        INFO(text);
        CHECK_THROWS_AS(parse_size("--memory", text), UsageError);
    }
    CHECK(holds(failure_of([] { return parse_size("--memory", "64Q"); }),
                {"--memory", "'64Q'", "such as 64M"}));
}

TEST_CASE("a size beyond 64 bits is refused, with and without a unit") {
    for (auto const* const text : {"18446744073709551616", "16777216T", "0x10000000000000000"}) {
        INFO(text);
        CHECK(holds(failure_of([&] { return parse_size("--memory", text); }), {"64 bits"}));
    }
}

TEST_CASE("page sizes are those that the processor has") {
    CHECK(parse_page_size("--guest-page", "4k") == page_4k);
    CHECK(parse_page_size("--guest-page", "2M") == page_2m);
    CHECK(parse_page_size("--guest-page", "1g") == page_1g);
    CHECK(holds(failure_of([] { return parse_page_size("--guest-page", "4m").bytes(); }),
                {"--guest-page", "4k, 2m and 1g"}));
}

TEST_CASE("times are seconds, rounded up to whole milliseconds") {
    using std::chrono::milliseconds;
    CHECK(parse_seconds("--timeout", "60") == milliseconds{60'000});
    CHECK(parse_seconds("--timeout", "0.5") == milliseconds{500});
    CHECK(parse_seconds("--timeout", "0") == milliseconds{0});
    CHECK(parse_seconds("--timeout", "0.0001") == milliseconds{1});
    for (auto const* const text : {"", "-1", "x", "1s", "nan", "inf", "1e300"}) {
        INFO(text);
        CHECK_THROWS_AS(parse_seconds("--timeout", text), UsageError);
    }
}

} // namespace size_test
