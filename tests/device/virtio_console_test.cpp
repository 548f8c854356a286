// A virtio console: what is transmitted comes out, and buffers for typing stay where they are.
#include "tests/catch.hpp"
#include "tests/support/virtio_rig.hpp"

namespace virtio_console_test {

using namespace twofold;
using namespace twofold::test;
namespace reg = twofold::test::virtio_register;

namespace {

struct Console {
    void put(std::uint64_t gpa, std::string_view bytes) {
        REQUIRE(memory.write(Gpa{gpa}, std::as_bytes(std::span{bytes})));
    }
    void put_word(std::uint64_t gpa, std::uint64_t value) {
        REQUIRE(memory.write(Gpa{gpa}, std::as_bytes(std::span{&value, 1})));
    }
    /// One buffer in one part.
    void transmit(std::uint32_t queue, std::uint64_t gpa, std::uint32_t bytes, bool write) {
        start_device(device, memory, queue, 4, {0, 0x1000, 0x2000});
        put_word(0, gpa);
        put_word(8, bytes | std::uint64_t{write ? 2U : 0U} << 32);
        put_word(0x1000, 1 << 16);
        device.write(reg::queue_notify, 4, queue, memory);
    }
    std::uint16_t used() { return memory.get<std::uint16_t>(Gpa{0x2002}); }

    std::string text;
    FlatGuestMemory memory{0x10000, std::byte{0}};
    virtio::MmioDevice<virtio::ConsoleDevice<ConsoleSink>> device{
        virtio::ConsoleDevice<ConsoleSink>{[this](std::string_view piece) { text += piece; }}};
};

} // namespace

TEST_CASE("what a guest transmits is the console's text, in its order") {
    Console console;
    CHECK(console.device.read(0x08, 4) == 3);
    console.put(0x4000, "spoken");
    console.transmit(1, 0x4000, 6, false);
    CHECK(console.text == "spoken");
    CHECK(console.used() == 1);
    CHECK(console.device.interrupt());
}

TEST_CASE("nobody types: buffers to be filled stay with the device") {
    Console console;
    console.transmit(0, 0x4000, 16, true);
    CHECK(console.used() == 0);
    CHECK((console.device.read(reg::status, 4) & needs_reset) == 0);
}

TEST_CASE("text that lies outside memory is a breach of the rules") {
    Console console;
    console.transmit(1, 0xffff, 2, false);
    CHECK((console.device.read(reg::status, 4) & needs_reset) != 0);
    CHECK(console.used() == 0);
}

} // namespace virtio_console_test
