// Breakpoints and vector registers as the debugger's target keeps them; none of it needs /dev/kvm.
#include "kvm/debug_vectors.hpp"
#include "kvm/guest_breakpoints.hpp"
#include "tests/catch.hpp"

#include <array>

namespace guest_breakpoints_test {

using namespace twofold;
using namespace twofold::vmm;
using kvm::GuestBreakpoints;

namespace {

constexpr std::byte code{0x90};
constexpr std::byte int3{0xcc};

struct Scene {
    kvm::GuestRam ram = kvm::GuestRam::zeroed(1 << 20, page_4k);
    GuestBreakpoints breakpoints;

    explicit Scene(bool in_memory = true) : breakpoints(ram, in_memory) {
        for (auto& byte : ram.bytes().first(0x4000))
            byte = code;
    }
    bool set(BreakpointKind kind, std::uint64_t at, std::uint64_t bytes = 1) {
        return breakpoints.set({kind, Gva{at}, bytes}, Gpa{at});
    }
    void take_registers() {
        for (std::uint64_t at = 0x1000; at < 0x1004; ++at)
            REQUIRE(set(BreakpointKind::hardware, at));
    }
    [[nodiscard]] std::byte at(std::uint64_t gpa) const { return ram.bytes()[gpa]; }
};

} // namespace

TEST_CASE("a fifth software breakpoint is an INT3 in memory that a debugger does not see") {
    Scene scene;
    scene.take_registers();
    CHECK_FALSE(scene.set(BreakpointKind::hardware, 0x2000));
    REQUIRE(scene.set(BreakpointKind::software, 0x2000));
    CHECK(scene.at(0x2000) == int3);
    std::array<std::byte, 2> seen{int3, code};
    scene.breakpoints.hide(Gpa{0x2000}, seen);
    CHECK(seen == std::array{code, code});
    // What a debugger writes over it comes to light when it is gone.
    std::array<std::byte, 2> written{std::byte{1}, std::byte{2}};
    scene.breakpoints.cover(Gpa{0x2000}, written);
    CHECK(written == std::array{int3, std::byte{2}});
    CHECK(scene.breakpoints.remove({BreakpointKind::software, Gva{0x2000}}));
    CHECK(scene.at(0x2000) == std::byte{1});
}

TEST_CASE("where INT3 does not leave the guest there are four breakpoints of both kinds together") {
    Scene scene{false};
    scene.take_registers();
    CHECK_FALSE(scene.set(BreakpointKind::software, 0x2000));
    CHECK(scene.at(0x2000) == code);
    CHECK(scene.breakpoints.remove({BreakpointKind::hardware, Gva{0x1001}}));
    CHECK_FALSE(scene.breakpoints.remove({BreakpointKind::hardware, Gva{0x1001}}));
    CHECK(scene.set(BreakpointKind::software, 0x2000));
    CHECK(scene.at(0x2000) == code);
}

TEST_CASE("watched bytes take a register for each aligned part, and none where not all fit") {
    Scene scene;
    // 1 byte at 0x1003, 4 at 0x1004, 1 at 0x1008.
    REQUIRE(scene.set(BreakpointKind::write, 0x1003, 6));
    CHECK_FALSE(scene.set(BreakpointKind::access, 0x2000, 16));
    REQUIRE(scene.set(BreakpointKind::access, 0x2000, 8));
    CHECK_FALSE(scene.set(BreakpointKind::hardware, 0x3000));
    kvm_debug_exit_arch exit{};
    exit.exception = 1;
    for (unsigned part = 0; part < 3; ++part) {
        exit.dr6 = 1U << part;
        CHECK(scene.breakpoints.hit_by(exit) == Breakpoint{BreakpointKind::write, Gva{0x1003}, 6});
    }
    exit.dr6 = 1U << 3;
    CHECK(scene.breakpoints.hit_by(exit) == Breakpoint{BreakpointKind::access, Gva{0x2000}, 8});
    exit.dr6 = 1U << 14; // a step
    CHECK_FALSE(scene.breakpoints.hit_by(exit));
    CHECK(scene.breakpoints.remove({BreakpointKind::write, Gva{0x1003}, 6}));
    CHECK_FALSE(scene.set(BreakpointKind::write, 0x1001, 15)); // 1, 2, 4 and 8 bytes
    CHECK(scene.set(BreakpointKind::write, 0x1004, 12));
}

TEST_CASE("of INT3s the debugger's own are told from the guest's, and all are gone at once") {
    Scene scene;
    scene.take_registers();
    REQUIRE(scene.set(BreakpointKind::software, 0x2000));
    kvm_debug_exit_arch exit{};
    exit.exception = 3;
    exit.pc = 0x2000;
    CHECK(scene.breakpoints.hit_by(exit) == Breakpoint{BreakpointKind::software, Gva{0x2000}});
    exit.pc = 0x2001;
    CHECK_FALSE(scene.breakpoints.hit_by(exit));
    scene.breakpoints.remove_all();
    CHECK(scene.at(0x2000) == code);
    scene.take_registers();
}

TEST_CASE("the x87 unit's tags are those of what its registers hold") {
    std::array<std::array<std::uint8_t, 10>, 8> stack{};
    stack[0] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f}; // 1.5
    stack[2] = {0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x7f}; // infinity
    // ST0 is register 5, so ST1 and ST2 are 6 and 7.
    constexpr std::uint16_t top_is_5 = 5 << 11;
    CHECK(kvm::whole_tag_word(0b1110'0000, top_is_5, stack) == 0b10'01'00'11'11'11'11'11);
    CHECK(kvm::whole_tag_word(0, 0, stack) == 0xffff);
    CHECK(kvm::abridged_tag_word(0b10'01'00'11'11'11'11'11) == 0b1110'0000);
    CHECK(kvm::abridged_tag_word(0xffff) == 0);
}

} // namespace guest_breakpoints_test
