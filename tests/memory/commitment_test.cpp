#include "catch.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/commitment.hpp>

namespace commitment_test {

using namespace twofold;
using namespace twofold::test;

TEST_CASE("memory that must be backed is promised only as far as frames and slots reach") {
    constexpr std::uint64_t need = Commitment::needed_for(2 * mib);
    CHECK(need == 512 + 4);
    Commitment backed{OverCommit::backed, need, need};
    CHECK(backed.promise(2 * mib));
    CHECK(backed.promise(2 * mib));
    CHECK_FALSE(backed.promise(4 * kib));
    CHECK(backed.promised_frames() == 2 * need);
    backed.take_back(2 * mib);
    CHECK(backed.promise(2 * mib));
    Commitment unlimited{OverCommit::unlimited, need, 0};
    CHECK(unlimited.promise(64 * gib));
}

TEST_CASE("a part of frames and slots may be promised, and only as far as tables stay in memory") {
    constexpr std::uint64_t need = Commitment::needed_for(2 * mib);
    Commitment half{OverCommit::backed, need, 3 * need, 50};
    CHECK(half.limit() == 2 * need);
    CHECK(half.promise(2 * mib));
    CHECK_FALSE(half.promise(2 * mib, 1)); // what comes beside counts
    CHECK(half.promise(2 * mib));
    half.take_back(2 * mib);
    Commitment more{OverCommit::backed, need, 0, 200};
    CHECK(more.promise(4 * mib - 64 * kib));
    CHECK_FALSE(more.promise(2 * mib));
    // A terabyte of swap does not help 16 GiB whose tables have no room.
    constexpr std::uint64_t frames = Commitment::tables_for(16 * gib) + Commitment::working_frames;
    CHECK(Commitment{OverCommit::backed, frames, std::uint64_t{1} << 28}.promise(16 * gib));
    CHECK_FALSE(
        Commitment{OverCommit::backed, frames - 1, std::uint64_t{1} << 28}.promise(16 * gib));
}

} // namespace commitment_test
