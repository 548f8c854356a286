// A virtio disk: what drivers write is on it, and what breaks the rules changes nothing.
#include "tests/catch.hpp"
#include "tests/support/virtio_rig.hpp"

#include <numeric>
#include <random>

namespace virtio_block_test {

using namespace twofold;
using namespace twofold::test;
namespace reg = twofold::test::virtio_register;

namespace {

struct Descriptor {
    std::uint64_t gpa;
    std::uint32_t bytes;
    std::uint16_t flags;
    std::uint16_t next;
};
constexpr std::uint16_t next = 1;
constexpr std::uint16_t writes = 2;

/// A driver with one queue: descriptors at 0, available at 0x1000, used at 0x2000; requests'
/// headers at 0x3000, their status at 0x3100, data from 0x4000.
struct Driver {
    static constexpr std::uint32_t size = 8;
    static constexpr std::uint64_t header_place = 0x3000;
    static constexpr std::uint64_t status_place = 0x3100;
    static constexpr std::uint64_t data_place = 0x4000;

    explicit Driver(bool read_only = false)
        : device(virtio::BlockDevice<MemoryDisk>{{&contents, &left, read_only}}) {
        start_device(device, memory, 0, size, {0, 0x1000, 0x2000});
    }

    template <class T>
    void put(std::uint64_t gpa, T const& value) {
        REQUIRE(memory.write(Gpa{gpa}, std::as_bytes(std::span{&value, 1})));
    }
    void describe(unsigned number, Descriptor const& descriptor) {
        put(std::uint64_t{16} * number, descriptor);
    }
    void make_available(std::uint16_t head) {
        put(0x1004 + 2 * (sent % size), head);
        put(0x1002, ++sent);
        device.write(reg::queue_notify, 4, 0, memory);
    }
    /// A request with a part for data in between, as drivers make it.
    std::uint8_t request(std::uint32_t type, std::uint64_t sector, std::uint32_t bytes) {
        bool const in = type == 0 || type == 8;
        put(header_place, type);
        put(header_place + 8, sector);
        put(status_place, std::uint8_t{0xaa});
        describe(0, {header_place, 16, next, 1});
        describe(1, {data_place, bytes, static_cast<std::uint16_t>(next | (in ? writes : 0)), 2});
        describe(2, {status_place, 1, writes, 0});
        make_available(0);
        return memory.get<std::uint8_t>(Gpa{status_place});
    }
    [[nodiscard]] std::uint32_t status() const { return device.read(reg::status, 4); }
    std::uint16_t used() { return memory.get<std::uint16_t>(Gpa{0x2002}); }
    std::uint32_t used_bytes() {
        return memory.get<std::uint32_t>(
            Gpa{0x2008 + 8 * (std::uint64_t{used()} - 1) % (8 * size)});
    }

    std::vector<std::byte> contents = std::vector<std::byte>(16 * 512);
    bool left = false;
    FlatGuestMemory memory{0x10000, std::byte{0}};
    virtio::MmioDevice<virtio::BlockDevice<MemoryDisk>> device;
    std::uint16_t sent = 0;
};

} // namespace

TEST_CASE("sectors that are written are on the disk, and are read back, however they are cut") {
    Driver driver;
    CHECK(driver.device.read(0x00, 4) == 0x74726976);
    CHECK(driver.device.read(0x100, 4) == 16);
    CHECK(driver.device.read(0x100, 1) == 16);
    for (unsigned n = 0; n < 1024; ++n)
        driver.put(Driver::data_place + n, static_cast<std::uint8_t>(n * 7));
    CHECK(driver.request(1, 3, 1024) == 0);
    CHECK(driver.used() == 1);
    CHECK(driver.used_bytes() == 1);
    CHECK(driver.contents[3 * 512 + 5] == std::byte{35});
    CHECK(driver.contents[2 * 512 + 511] == std::byte{0});
    CHECK(driver.request(4, 0, 0) == 0);

    // The same two sectors into parts of odd sizes; the status shares the last one.
    driver.put(Driver::header_place, std::uint32_t{0});
    driver.put(Driver::header_place + 8, std::uint64_t{3});
    driver.describe(0, {Driver::header_place, 7, next, 3});
    driver.describe(3, {Driver::header_place + 7, 9, next, 1});
    driver.describe(1, {0x5000, 1, next | writes, 5});
    driver.describe(5, {0x6000, 0, next | writes, 2});
    driver.describe(2, {0x7000, 1024, writes, 0});
    driver.make_available(0);
    CHECK(driver.used() == 3);
    CHECK(driver.used_bytes() == 1025);
    CHECK(driver.memory.get<std::uint8_t>(Gpa{0x7000}) == 7);
    CHECK(driver.memory.get<std::uint8_t>(Gpa{0x7000 + 4}) == 35);
    CHECK(driver.memory.get<std::uint8_t>(Gpa{0x7000 + 1023}) == 0);
    CHECK_FALSE(driver.left);
}

TEST_CASE("each buffer that comes back interrupts until it is acknowledged, unless not wanted") {
    Driver driver;
    CHECK(driver.request(0, 0, 512) == 0);
    CHECK(driver.device.interrupt());
    CHECK(driver.device.read(reg::interrupt_status, 4) == 1);
    driver.device.write(reg::interrupt_acknowledge, 4, 1, driver.memory);
    CHECK_FALSE(driver.device.interrupt());
    driver.put(0x1000, std::uint16_t{1});
    CHECK(driver.request(0, 0, 512) == 0);
    CHECK_FALSE(driver.device.interrupt());
}

TEST_CASE("requests that the disk can't carry out fail by their status, and the device goes on") {
    Driver driver;
    CHECK(driver.request(0, 16, 512) == 1);
    CHECK(driver.request(0, 15, 1024) == 1);
    CHECK(driver.request(0, ~std::uint64_t{0}, 512) == 1);
    CHECK(driver.request(0, 0, 100) == 1);
    CHECK(driver.request(1, 0x0080'0000'0000'0000, 512) == 1);
    CHECK(driver.request(77, 0, 512) == 2);
    CHECK(driver.request(8, 0, 20) == 0);
    CHECK(driver.memory.get<char>(Gpa{Driver::data_place}) == 't');
    CHECK((driver.status() & needs_reset) == 0);
    Driver locked{true};
    CHECK(locked.request(1, 0, 512) == 1);
    CHECK(locked.request(0, 0, 512) == 0);
    CHECK_FALSE(driver.left);
}

TEST_CASE("a buffer that breaks the rules stops the device until its driver resets it") {
    std::vector<std::function<void(Driver&)>> const breaches{
        [](Driver& d) {
            d.describe(0, {Driver::header_place, 16, next, 0});
        }, // a loop
        [](Driver& d) {
            d.describe(0, {Driver::header_place, 16, next, Driver::size});
        },
        [](Driver& d) {
            d.describe(0, {Driver::header_place, 16, 4, 0});
        }, // indirect
        [](Driver& d) {
            d.describe(0, {0x10000, 16, next, 2});
        }, // outside memory
        [](Driver& d) {
            d.describe(0, {~std::uint64_t{0} - 4, 16, next, 2});
        },
        [](Driver& d) {
            d.describe(0, {Driver::header_place, 8, next, 2});
        }, // no whole header
        [](Driver& d) {
            d.describe(0, {Driver::header_place, 16, 0, 0});
        }, // no status
        [](Driver& d) {
            d.describe(2, {0xffff, 0x10000, writes, 0});
        }, // status outside
        [](Driver& d) {
            d.describe(0, {Driver::header_place, 16, next | writes, 1});
        },
        [](Driver& d) { d.put(0x1004, std::uint16_t{Driver::size}); },
    };
    for (auto const& breach : breaches) {
        Driver driver;
        driver.describe(0, {Driver::header_place, 16, next, 2});
        driver.describe(1, {Driver::data_place, 512, next, 2});
        driver.describe(2, {Driver::status_place, 1, writes, 0});
        driver.put(Driver::header_place, std::uint32_t{4});
        driver.put(0x1002, std::uint16_t{1});
        breach(driver);
        driver.device.write(reg::queue_notify, 4, 0, driver.memory);
        CHECK((driver.status() & needs_reset) != 0);
        CHECK((driver.device.read(reg::interrupt_status, 4) & 2) != 0);
        CHECK(driver.used() == 0);
        driver.device.write(reg::queue_notify, 4, 0, driver.memory);
        CHECK(driver.used() == 0);
        start_device(driver.device, driver.memory, 0, Driver::size, {0, 0x1000, 0x2000});
        CHECK(driver.status() == driving);
        CHECK_FALSE(driver.left);
    }
}

TEST_CASE("more buffers than the queue holds are a breach, whatever the index says") {
    Driver driver;
    driver.put(0x1002, std::uint16_t{Driver::size + 1});
    driver.device.write(reg::queue_notify, 4, 0, driver.memory);
    CHECK((driver.status() & needs_reset) != 0);
}

TEST_CASE("a driver that does not accept version 1, or accepts what was not offered, is refused") {
    Driver driver;
    auto const offer = [&](std::uint32_t low, std::uint32_t high) {
        auto const put = [&](std::uint64_t offset, std::uint32_t value) {
            driver.device.write(offset, 4, value, driver.memory);
        };
        put(reg::status, 0);
        put(reg::status, 3);
        put(0x24, 0);
        put(0x20, low);
        put(0x24, 1);
        put(0x20, high);
        put(reg::status, 11);
        return (driver.status() & 8) != 0;
    };
    CHECK(offer(1U << 9, 1));
    CHECK_FALSE(offer(0, 0));
    CHECK_FALSE(offer(1U << 28, 1)); // indirect descriptors
    // And queues are of a power of two up to 256.
    for (std::uint32_t const size : {0U, 3U, 512U, 65536U}) {
        start_device(driver.device, driver.memory, 0, size, {0, 0x1000, 0x2000});
        CHECK(driver.device.read(reg::queue_ready, 4) == 0);
    }
    driver.device.write(reg::queue_select, 4, 9, driver.memory);
    CHECK(driver.device.read(0x34, 4) == 0);
}

TEST_CASE("no bytes in a guest's memory lead a device beyond memory or disk, or keep it busy") {
    std::mt19937 random{2};
    AnyVirtioTraffic traffic;
    std::vector<std::byte> input(0x1000);
    for (int n = 0; n < 400; ++n) {
        for (auto& byte : input)
            byte = static_cast<std::byte>(random() % 4 == 0 ? random() : random() % 3);
        auto const broken = traffic.drive(input);
        INFO(n);
        REQUIRE(broken.empty());
    }
}

} // namespace virtio_block_test
