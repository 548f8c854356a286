#include "catch.hpp"
#include "support/recording_memory.hpp"

#include <twofold/paging/ept_access.hpp>

#include <array>
#include <string>
#include <vector>

namespace ept_access_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using Ept = EptFormat<4>;
using Outcome = EptOutcome::Kind;
constexpr auto done = Outcome::done;
constexpr auto misconfigured = Outcome::misconfiguration;
constexpr auto violation = Outcome::violation;

/// R, W, X as in bits 2:0 of an entry.
constexpr std::uint64_t none = 0, r = 1, w = 2, rw = 3, x = 4, rx = 5, wx = 6, rwx = 7;
constexpr std::uint64_t write_back = 6 << 3;
constexpr Gpa gpa{0x12'3456'7000 + 0x238};

/// A processor that differs from the usual one in one respect.
Ept with(auto Ept::*member, auto value) {
    Ept format;
    format.*member = value;
    return format;
}

/// The four entries on the way to `gpa`, PML4E first. Bits beside the address.
struct Path {
    std::array<std::uint64_t, 4> bits;
};

EptOutcome outcome_of(Path const& path, EptAccess const& access, bool accessed_dirty = false,
                      Ept const& format = {}) {
    RecordingMemory memory;
    Hpa table{0x1000};
    for (unsigned level = 4; level > 0; --level) {
        std::uint64_t const bits = path.bits[4 - level];
        bool const leaf = level == 1 || (bits & bit(7)) != 0;
        std::uint64_t const address = leaf ? 0x4000'0000 : table.value() + 0x1000;
        memory.put((table + std::uint64_t{Ept::index(gpa, level)} * 8).value(), bits | address);
        if (leaf) break;
        table = Hpa{address};
    }
    return access_by_ept(format, Hpa{0x1000}, access, accessed_dirty, memory);
}

Path leaf_of(std::uint64_t permissions) { return {{rwx, rwx, rwx, permissions | write_back}}; }

struct PermissionCase {
    std::uint64_t permissions;
    Outcome read, write, execute;
};

} // namespace

TEST_CASE("every permission by every access, with and without execute-only") {
    // Write without read is a misconfiguration whatever is accessed; so is execute-only where the
    // processor has it not.
    std::array<PermissionCase, 8> const with_execute_only{{
        {none, violation, violation, violation},
        {r, done, violation, violation},
        {w, misconfigured, misconfigured, misconfigured},
        {rw, done, done, violation},
        {x, violation, violation, done},
        {rx, done, violation, done},
        {wx, misconfigured, misconfigured, misconfigured},
        {rwx, done, done, done},
    }};
    for (auto const& expected : with_execute_only) {
        for (bool execute_only : {true, false}) {
            bool const refused = !execute_only && expected.permissions == x;
            auto const check = [&](Access access, Outcome outcome) {
                CAPTURE(expected.permissions, execute_only, static_cast<int>(access));
                auto const got =
                    outcome_of(leaf_of(expected.permissions), {.gpa = gpa, .access = access}, false,
                               with(&Ept::execute_only, execute_only));
                CHECK(got.kind == (refused ? misconfigured : outcome));
                CHECK(got.level == 1);
            };
            check(Access::read, expected.read);
            check(Access::write, expected.write);
            check(Access::execute, expected.execute);
        }
    }
}

TEST_CASE("permissions of all levels are taken together, and each level can refuse") {
    for (unsigned weak = 0; weak < 4; ++weak) {
        for (std::uint64_t permissions : {r, rw, x, rx}) {
            for (Access access : {Access::read, Access::write, Access::execute}) {
                CAPTURE(weak, permissions, static_cast<int>(access));
                Path path = leaf_of(rwx);
                path.bits[weak] = (path.bits[weak] & ~rwx) | permissions;
                auto const got = outcome_of(path, {.gpa = gpa, .access = access});
                std::uint64_t const wanted = access == Access::read    ? r
                                             : access == Access::write ? w
                                                                       : x;
                CHECK(got.kind == ((permissions & wanted) != 0 ? done : violation));
                if (got.kind == violation) CHECK(field(got.qualification, 5, 3) == permissions);
            }
        }
    }
}

TEST_CASE("the exit qualification says what was accessed, what is allowed, and by whom") {
    struct Case {
        char const* what;
        std::uint64_t permissions;
        EptAccess access;
        bool accessed_dirty;
        std::uint64_t qualification;
    };
    EptAccess const read{gpa, Access::read};
    EptAccess const write{gpa, Access::write};
    EptAccess const fetch{gpa, Access::execute};
    EptAccess const walk_read{gpa, Access::read, true, true};
    EptAccess const walk_write{gpa, Access::write, true, true};
    EptAccess const no_linear{gpa, Access::read, false, false};
    std::vector<Case> const cases{
        {"read, not present", none, read, false, 0x181},
        {"write, not present", none, write, false, 0x182},
        {"fetch, not present", none, fetch, false, 0x184},
        {"write, read-only", r, write, false, 0x18a},
        {"fetch, read-only", r, fetch, false, 0x18c},
        {"fetch, read-write", rw, fetch, false, 0x19c},
        {"read, execute-only", x, read, false, 0x1a1},
        {"write, execute-only", x, write, false, 0x1a2},
        {"write, read-execute", rx, write, false, 0x1aa},
        {"a walk's read, not present", none, walk_read, false, 0x081},
        {"a walk's setting of guest A or D, read-only", r, walk_write, false, 0x08a},
        {"a walk's read with EPT A/D, read-only: a write too", r, walk_read, true, 0x08b},
        {"a walk's read with EPT A/D, not present", none, walk_read, true, 0x083},
        {"a translated read with EPT A/D, not present", none, read, true, 0x181},
        {"PDPTEs at MOV to CR3, not present", none, no_linear, false, 0x001},
    };
    for (auto const& expected : cases) {
        CAPTURE(expected.what);
        auto const got =
            outcome_of(leaf_of(expected.permissions), expected.access, expected.accessed_dirty);
        CHECK(got.kind == violation);
        CHECK(got.qualification == expected.qualification);
        // And it decodes to what went in.
        EptViolationQualification const decoded{got.qualification};
        CHECK(decoded.access() == ept_checked_access(expected.access, expected.accessed_dirty));
        CHECK(decoded.during_walk() == expected.access.during_walk);
        CHECK(decoded.has_linear_address() == expected.access.linear);
    }
}

TEST_CASE("with EPT A/D a walk's read goes through only where writing is allowed") {
    EptAccess const walk_read{gpa, Access::read, true, true};
    CHECK(outcome_of(leaf_of(r), walk_read, false).kind == done);
    CHECK(outcome_of(leaf_of(r), walk_read, true).kind == violation);
    CHECK(outcome_of(leaf_of(rw), walk_read, true).kind == done);
    CHECK(outcome_of(leaf_of(r), {gpa, Access::read}, true).kind == done);
}

TEST_CASE("every reserved bit and memory type at every level is the misconfiguration the manual "
          "names, or none") {
    struct Case {
        char const* what;
        Path path;
        Outcome outcome;
        unsigned level;
    };
    constexpr std::uint64_t large = bit(7);
    std::vector<Case> const cases{
        {"PML4E bit 3", {{rwx | bit(3)}}, misconfigured, 4},
        {"PML4E bit 6", {{rwx | bit(6)}}, misconfigured, 4},
        {"PML4E bit 7", {{rwx | bit(7)}}, misconfigured, 4},
        {"PML4E address beyond the processor's", {{rwx | bit(40)}}, misconfigured, 4},
        {"PML4E ignored bits", {{rwx | bit(8) | bit(9) | bit(11) | bit(62), none}}, violation, 3},
        {"PDPTE bit 3", {{rwx, rwx | bit(3)}}, misconfigured, 3},
        {"PDPTE bit 6", {{rwx, rwx | bit(6)}}, misconfigured, 3},
        {"PDPTE of 1 GiB", {{rwx, rwx | large | write_back}}, done, 3},
        {"PDPTE of 1 GiB, bit 12", {{rwx, rwx | large | write_back | bit(12)}}, misconfigured, 3},
        {"PDPTE of 1 GiB, bit 29", {{rwx, rwx | large | write_back | bit(29)}}, misconfigured, 3},
        {"PDE bit 5", {{rwx, rwx, rwx | bit(5)}}, misconfigured, 2},
        {"PDE of 2 MiB", {{rwx, rwx, rwx | large | write_back}}, done, 2},
        {"PDE of 2 MiB, bit 12",
         {{rwx, rwx, rwx | large | write_back | bit(12)}},
         misconfigured,
         2},
        {"PDE of 2 MiB, bit 20",
         {{rwx, rwx, rwx | large | write_back | bit(20)}},
         misconfigured,
         2},
        {"PDE of 2 MiB, type 7", {{rwx, rwx, rwx | large | 7 << 3}}, misconfigured, 2},
        {"PTE type 0, uncacheable", {{rwx, rwx, rwx, rwx}}, done, 1},
        {"PTE type 1, write combining", {{rwx, rwx, rwx, rwx | 1 << 3}}, done, 1},
        {"PTE type 2", {{rwx, rwx, rwx, rwx | 2 << 3}}, misconfigured, 1},
        {"PTE type 3", {{rwx, rwx, rwx, rwx | 3 << 3}}, misconfigured, 1},
        {"PTE type 4, write through", {{rwx, rwx, rwx, rwx | 4 << 3}}, done, 1},
        {"PTE type 5, write protected", {{rwx, rwx, rwx, rwx | 5 << 3}}, done, 1},
        {"PTE type 6, write back", {{rwx, rwx, rwx, rwx | 6 << 3}}, done, 1},
        {"PTE type 7", {{rwx, rwx, rwx, rwx | 7 << 3}}, misconfigured, 1},
        {"PTE ignore-PAT", {{rwx, rwx, rwx, rwx | write_back | bit(6)}}, done, 1},
        {"PTE bit 7, ignored there", {{rwx, rwx, rwx, rwx | write_back | bit(7)}}, done, 1},
        {"PTE address beyond the processor's", {{rwx, rwx, rwx, rwx | bit(45)}}, misconfigured, 1},
        {"not present: all else is ignored",
         {{rwx, rwx, rwx, mask(63, 3) & ~bit(7)}},
         violation,
         1},
        {"not present PML4E: all else is ignored", {{mask(63, 3) & ~bit(7)}}, violation, 4},
    };
    Ept const format = with(&Ept::physical_bits, 40U);
    for (auto const& expected : cases) {
        CAPTURE(expected.what);
        auto const got =
            outcome_of(expected.path, {.gpa = gpa, .access = Access::read}, false, format);
        CHECK(got.kind == expected.outcome);
        CHECK(got.level == expected.level);
    }
}

TEST_CASE("a large page that the processor has not is a misconfiguration") {
    Path const gibibyte{{rwx, rwx | bit(7) | write_back}};
    Path const two_mebibytes{{rwx, rwx, rwx | bit(7) | write_back}};
    EptAccess const read{gpa, Access::read};
    CHECK(outcome_of(gibibyte, read, false, with(&Ept::pages_1g, false)).kind == misconfigured);
    CHECK(outcome_of(two_mebibytes, read, false, with(&Ept::pages_2m, false)).kind ==
          misconfigured);
    CHECK(outcome_of(two_mebibytes, read, false, with(&Ept::pages_1g, false)).kind == done);
}

TEST_CASE("a misconfigured entry below counts even where one above forbids the access") {
    Path path = leaf_of(w);
    path.bits[0] = r;
    CHECK(outcome_of(path, {.gpa = gpa, .access = Access::write}).kind == misconfigured);
    path.bits[1] = none; // but a walk that ends before does not come to it
    CHECK(outcome_of(path, {.gpa = gpa, .access = Access::write}).kind == violation);
}

} // namespace ept_access_test
