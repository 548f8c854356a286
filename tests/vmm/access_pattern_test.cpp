#include "sim/access_pattern.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"

#include <set>
#include <span>
#include <string>
#include <vector>

namespace access_pattern_test {

using namespace twofold;
using namespace twofold::vmm;

TEST_CASE("a pattern repeats exactly and stays in its footprint") {
    PatternParameters const parameters{.footprint = std::uint64_t{64} << 20, .accesses = 20'000};
    for (auto const& kind : pattern_kinds()) {
        CAPTURE(std::string{kind.name});
        std::vector<TraceAccess> first(1000);
        std::vector<TraceAccess> second(1000);
        CHECK(kind.make(parameters)->next(first) == 1000);
        auto const source = kind.make(parameters);
        for (std::size_t at = 0; at < 1000; at += 100)
            CHECK(source->next(std::span{second}.subspan(at, 100)) == 100);
        CHECK(first == second);
        for (auto const& access : first) {
            CHECK(access.gva >= parameters.first);
            CHECK(access.gva < parameters.first + parameters.footprint);
        }
    }
    CHECK_THROWS_AS(pattern_named("nothing"), UsageError);
}

TEST_CASE("a pointer chase visits every node once before it returns") {
    PatternParameters const small{.footprint = 64 * 1024, .accesses = 1024};
    std::vector<TraceAccess> all(1024);
    REQUIRE(pattern_named("chase").make(small)->next(all) == 1024);
    std::set<std::uint64_t> nodes;
    for (auto const& access : all)
        nodes.insert(access.gva.value());
    CHECK(nodes.size() == 1024);
}

} // namespace access_pattern_test
