// A guest's board without a guest: which device answers, and what becomes of places without one.
#include "kvm/board.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"

#include <array>
#include <string>
#include <vector>

namespace board_test {

using namespace twofold;
using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

constexpr std::uint64_t memory_bytes = std::uint64_t{16} << 20;

struct Rig {
    explicit Rig(kvm::BoardOptions const& options)
        : board(
              options, ram, [this](std::string_view bytes) { console += bytes; },
              [this](unsigned line, bool level) {
                  lines.push_back((level ? "+" : "-") + std::to_string(line));
              }) {}

    std::optional<kvm::Stop> out(std::uint16_t port, std::uint8_t size, std::uint32_t value) {
        std::memcpy(data.data(), &value, sizeof value);
        return board.answer(kvm::PortAccess{false, port, size, 1, data.data()});
    }
    std::uint32_t in(std::uint16_t port, std::uint8_t size) {
        data = {};
        CHECK_FALSE(board.answer(kvm::PortAccess{true, port, size, 1, data.data()}));
        std::uint32_t value = 0;
        std::memcpy(&value, data.data(), sizeof value);
        return value;
    }
    std::optional<kvm::Stop> touch(std::uint64_t gpa, bool read) {
        return board.answer(kvm::MemoryAccess{read, Gpa{gpa}, 4, data.data()});
    }

    std::string console;
    std::vector<std::string> lines;
    std::array<std::byte, 8> data{};
    kvm::GuestRam ram = kvm::GuestRam::zeroed(memory_bytes, page_4k);
    kvm::Board board;
};

} // namespace

TEST_CASE("the console is what is written to the UART, one byte at a time or many") {
    Rig rig{{}};
    std::array text{std::byte{'h'}, std::byte{'i'}};
    CHECK_FALSE(rig.board.answer(kvm::PortAccess{false, 0x3f8, 1, 2, text.data()}));
    CHECK(rig.console == "hi");
    CHECK(rig.in(0x3fd, 1) == 0x60);
    CHECK_FALSE(rig.out(0x3f8, 2, 'x'));
    CHECK(rig.console == "hi");
    CHECK(rig.board.unknown().ports() == 1);
    CHECK(rig.lines.empty());
}

TEST_CASE("a bare board has nothing but the UART; a PC's answers for what a PC has") {
    Rig bare{{}};
    CHECK(bare.in(0x71, 1) == 0xff);
    CHECK_FALSE(bare.out(0xf4, 1, 0));
    CHECK(bare.board.unknown().ports() == 2);

    Rig pc{{.pc = true, .processors = 3}};
    CHECK_FALSE(pc.out(0x70, 1, 0x5f));
    CHECK(pc.in(0x71, 1) == 2);
    CHECK_FALSE(pc.out(0x510, 2, 5));
    CHECK(pc.in(0x511, 1) == 3);
    CHECK(pc.board.unknown().ports() == 0);
    auto const end = pc.out(0x501, 1, 3);
    REQUIRE(end);
    CHECK(end->reason == "exit");
    CHECK(end->code == 7);
    CHECK(pc.in(0xf4, 1) == 0xff);
    CHECK(pc.board.unknown().ports() == 1);
}

TEST_CASE("the UART's line rises with each byte that is sent, if the guest enabled that") {
    Rig pc{{.pc = true}};
    CHECK_FALSE(pc.out(0x3f8, 1, 'a'));
    CHECK(pc.lines.empty());
    CHECK_FALSE(pc.out(0x3fc, 1, 0x0b));
    CHECK_FALSE(pc.out(0x3f9, 1, 0x02));
    CHECK(pc.lines == std::vector<std::string>{"+4"});
    CHECK(pc.in(0x3fa, 1) == 0xc2);
    CHECK_FALSE(pc.out(0x3f8, 1, 'b'));
    CHECK_FALSE(pc.out(0x3f8, 1, 'c')); // although nobody took the interrupt of the last one
    CHECK(pc.lines == std::vector<std::string>{"+4", "-4", "+4", "-4", "+4"});
}

TEST_CASE("without a policy ports are ignored, and memory outside stops the guest") {
    Rig rig{{}};
    CHECK(rig.in(0x1234, 4) == 0xffff'ffff);
    auto const end = rig.touch(0xf000'0000, false);
    REQUIRE(end);
    CHECK(end->reason == "outside_memory");
    CHECK(holds(end->message, {"write to gpa 0xf0000000", "ends at 0x1000000"}));
    CHECK(rig.board.unknown().memory() == 1);
}

TEST_CASE("each policy for unknown places does as it says, and all of them count") {
    Rig ignoring{{.unknown = kvm::UnknownIo::ignore}};
    CHECK_FALSE(ignoring.touch(0xf000'0000, true));
    CHECK(ignoring.data[3] == std::byte{0xff});
    CHECK(ignoring.board.unknown().memory() == 1);
    CHECK(ignoring.board.unknown().places().empty());

    Rig warning{{.unknown = kvm::UnknownIo::warn}};
    CHECK_FALSE(warning.touch(0xf000'0123, true));
    CHECK_FALSE(warning.touch(0xf000'0ffc, false));
    CHECK(warning.in(0x1234, 1) == 0xff);
    auto const& places = warning.board.unknown().places();
    REQUIRE(places.size() == 2);
    CHECK(places.at("gpa 0xf0000000").reads == 1);
    CHECK(places.at("gpa 0xf0000000").writes == 1);
    CHECK(places.at("port 0x1234").reads == 1);
    for (std::uint16_t port = 0; port < 200; ++port)
        (void)warning.in(static_cast<std::uint16_t>(0x2000 + port), 1);
    CHECK(places.size() == 64); // a scan does not fill the report
    CHECK(warning.board.unknown().ports() == 201);

    Rig stopping{{.unknown = kvm::UnknownIo::stop}};
    auto const end = stopping.out(0x1234, 1, 0);
    REQUIRE(end);
    CHECK(end->reason == "unknown_port");
    CHECK(holds(end->message, {"OUT to port 0x1234", "--unknown-io ignore"}));
    CHECK(stopping.touch(0xf000'0000, true)->reason == "outside_memory");
}

} // namespace board_test
