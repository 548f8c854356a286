// Writes to a virtio disk and reads it back; speaks through a virtio console. Under KVM, with
// `--disk`.
#include "guest/board/pc.hpp"
#include "guest/disk/virtio_driver.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"

#include <array>

namespace twofold::guest {

namespace {

constexpr std::uint32_t block_device = 2;
constexpr std::uint32_t console_device = 3;
constexpr std::uint32_t transmit_queue = 1;

using Sector = std::array<std::uint64_t, 64>;

enum Type : std::uint32_t { in = 0, out = 1, flush = 4 };

// At rest in the image, so that they lie where memory is mapped to itself.
constinit Sector written{};
constinit Sector read{};
constinit struct {
    std::uint32_t type;
    std::uint32_t reserved;
    std::uint64_t sector;
} header{};
constinit std::uint8_t status = 0xff;

/// The status that the device gives: 0 for done.
unsigned request(VirtioDriver& disk, Type type, std::uint64_t sector, Sector& data) {
    header = {type, 0, sector};
    status = 0xff;
    std::array const buffers{
        Buffer{&header, sizeof header, false},
        Buffer{&data, static_cast<std::uint32_t>(type == flush ? 0 : sizeof data), type == in},
        Buffer{&status, 1, true}};
    disk.transfer(buffers);
    return status;
}

void fill(std::uint64_t sector) {
    for (std::size_t n = 0; n < written.size(); ++n)
        written[n] = sector << 32 | n;
}

/// How many of the first sectors hold what was written to them.
std::uint64_t write_and_read(VirtioDriver& disk, std::uint64_t sectors) {
    std::uint64_t right = 0;
    for (std::uint64_t sector = 0; sector < sectors; ++sector) {
        fill(sector);
        if (request(disk, out, sector, written) != 0) return right;
    }
    if (request(disk, flush, 0, written) != 0) return right;
    for (std::uint64_t sector = 0; sector < sectors; ++sector) {
        fill(sector);
        if (request(disk, in, sector, read) == 0 && read == written) ++right;
    }
    return right;
}

void speak() {
    static constinit std::array<char, 28> text{"through the virtio console\n"};
    auto console = VirtioDriver::open(abi::virtio_console, console_device, transmit_queue, 0);
    std::array const buffers{Buffer{text.data(), text.size() - 1, false}};
    if (console) console->transfer(buffers);
}

} // namespace

int run_kernel(Arguments arguments) {
    std::uint64_t sectors = 8;
    read_options(arguments, {{"--sectors", sectors}});
    auto disk = has_firmware_configuration() ? VirtioDriver::open(abi::virtio_disk, block_device, 0,
                                                                  VirtioDriver::read_only_disk)
                                             : std::nullopt;
    if (!disk) {
        print("no disk: run me with --engine kvm --disk FILE\n");
        return 1;
    }
    speak();
    std::uint64_t const capacity = disk->configuration(0);
    print("disk of ", capacity, " sectors\n");
    print("reading behind its end: status ", request(*disk, in, capacity, read), '\n');
    if ((disk->features() & VirtioDriver::read_only_disk) != 0) {
        print("read-only: writing: status ", request(*disk, out, 0, written), '\n');
        return 0;
    }
    std::uint64_t const right = write_and_read(*disk, sectors);
    print(right, " of ", sectors, " sectors written and read back\n");
    return right == sectors ? 0 : 1;
}

} // namespace twofold::guest
