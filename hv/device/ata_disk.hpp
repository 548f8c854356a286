// A disk on one of the two legacy ATA channels, by programmed I/O, polled. Registers and commands
// as in "AT Attachment - 8: ATA/ATAPI Command Set" and "Parallel Transport".
#pragma once

#include "hv/device/ata_error.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace twofold::hv {

/// What a driver reaches ports through: the machine's own, or a test's.
template <class B>
concept PortBus = requires(B& bus, std::uint16_t port, std::uint8_t value, std::span<std::byte> to,
                           std::span<std::byte const> from) {
    { bus.read_byte(port) } -> std::same_as<std::uint8_t>;
    bus.write_byte(port, value);
    /// As many 16-bit transfers as fill or empty the bytes, whose number is even.
    bus.read_words(port, to);
    bus.write_words(port, from);
};

/// Where a disk is connected.
struct AtaPlace {
    /// The first of eight ports, and the one that holds device control and alternate status.
    std::uint16_t registers;
    std::uint16_t control;
    /// The second of the channel's two.
    bool second;
};
/// What Bochs calls ata0-slave, and QEMU the IDE drive of index 1.
inline constexpr AtaPlace first_channel_second_disk{0x1f0, 0x3f6, true};

template <PortBus Bus>
class AtaDisk {
  public:
    static constexpr std::uint64_t sector_bytes = 512;
    /// By one command.
    static constexpr std::uint64_t most_sectors = 256;
    /// A read of a port takes some 0.1 to 1 us on a machine: seconds, in which any disk spins up.
    static constexpr std::uint32_t most_polls = 10'000'000;

    AtaDisk(Bus bus, AtaPlace place) : bus_(bus), place_(place) {}

    /// Finds out whether a disk is there and how large it is. To be called first.
    std::expected<void, AtaError> identify();

    /// Of 512 bytes; 0 before identify().
    [[nodiscard]] std::uint64_t sectors() const { return sectors_; }

    /// Whole sectors, 1 to 256 of them. After an error what was transferred is undefined.
    std::expected<void, AtaError> read(std::uint64_t sector, std::span<std::byte> to);
    std::expected<void, AtaError> write(std::uint64_t sector, std::span<std::byte const> from);

  private:
    // Registers, counted from the first.
    static constexpr std::uint16_t data = 0, error_register = 1, count = 2, lba_low = 3,
                                   lba_middle = 4, lba_high = 5, device = 6, status = 7,
                                   command_register = 7;
    // Status.
    static constexpr std::uint8_t busy = 0x80, fault = 0x20, data_request = 0x08, failed = 0x01;

    struct Commands {
        std::uint8_t short_addresses;
        std::uint8_t long_addresses;
    };
    static constexpr Commands read_sectors{0x20, 0x24};
    static constexpr Commands write_sectors{0x30, 0x34};

    [[nodiscard]] std::uint8_t get(std::uint16_t which) {
        return bus_.read_byte(static_cast<std::uint16_t>(place_.registers + which));
    }
    void put(std::uint16_t which, std::uint64_t value) {
        bus_.write_byte(static_cast<std::uint16_t>(place_.registers + which),
                        static_cast<std::uint8_t>(value));
    }
    std::unexpected<AtaError> fail(AtaError::Kind kind) {
        now_.kind = kind;
        now_.status = bus_.read_byte(place_.control);
        now_.error = get(error_register);
        return std::unexpected(now_);
    }
    /// Four reads of the alternate status: the 400 ns after which a device says that it is busy.
    void settle() {
        for (int i = 0; i < 4; ++i)
            (void)bus_.read_byte(place_.control);
    }

    std::expected<void, AtaError> select(std::uint8_t mode);
    std::expected<void, AtaError> wait_while_busy();
    std::expected<void, AtaError> wait_for_data();
    std::expected<void, AtaError> begin(Commands commands, std::uint64_t sector,
                                        std::uint64_t sectors);
    void take_identity(std::span<std::byte const> words);

    Bus bus_;
    AtaPlace place_;
    std::uint64_t sectors_ = 0;
    bool long_addresses_ = false;
    /// What is being done, for errors.
    AtaError now_{};
};

template <PortBus Bus>
std::expected<void, AtaError> AtaDisk<Bus>::wait_while_busy() {
    for (std::uint32_t polls = 0; polls < most_polls; ++polls)
        if ((get(status) & busy) == 0) return {};
    return fail(AtaError::Kind::stuck);
}

/// `mode`: the upper bits of the device register.
template <PortBus Bus>
std::expected<void, AtaError> AtaDisk<Bus>::select(std::uint8_t mode) {
    constexpr std::uint8_t no_interrupts = 0x02;
    constexpr std::uint8_t second = 0x10;
    if (auto const idle = wait_while_busy(); !idle) return idle;
    bus_.write_byte(place_.control, no_interrupts);
    put(device, mode | (place_.second ? second : 0));
    settle();
    return wait_while_busy();
}

/// After a command, and before each sector.
template <PortBus Bus>
std::expected<void, AtaError> AtaDisk<Bus>::wait_for_data() {
    // A device that is not busy after 400 ns has done what it will do, but for a few more looks.
    constexpr unsigned most_idle_looks = 1000;
    settle();
    for (unsigned looks = 0; looks < most_idle_looks; ++looks) {
        if (auto const idle = wait_while_busy(); !idle) return idle;
        std::uint8_t const now = get(status);
        if ((now & fault) != 0) return fail(AtaError::Kind::device_fault);
        if ((now & failed) != 0) return fail(AtaError::Kind::refused);
        if ((now & data_request) != 0) return {};
    }
    return fail(AtaError::Kind::no_data_request);
}

template <PortBus Bus>
std::expected<void, AtaError> AtaDisk<Bus>::identify() {
    constexpr std::uint8_t identify_device = 0xec;
    constexpr std::uint8_t floating_bus = 0xff;
    now_ = {.kind = AtaError::Kind::absent, .command = AtaError::Command::identify};
    // Lines that nobody drives read as ones, or as zeros where the other device answers for it.
    if (get(status) == floating_bus) return fail(AtaError::Kind::absent);
    if (auto const selected = select(0xa0); !selected) return selected;
    for (std::uint16_t const which : {count, lba_low, lba_middle, lba_high})
        put(which, 0);
    put(command_register, identify_device);
    settle();
    std::uint8_t const answer = get(status);
    if (answer == 0 || answer == floating_bus) return fail(AtaError::Kind::absent);
    if (auto const idle = wait_while_busy(); !idle) return idle;
    // "Device signatures": a packet device names itself there.
    if (get(lba_middle) != 0 || get(lba_high) != 0) return fail(AtaError::Kind::not_a_disk);
    if (auto const ready = wait_for_data(); !ready) {
        bool const nobody = ready.error().kind == AtaError::Kind::no_data_request;
        return nobody ? fail(AtaError::Kind::absent) : ready;
    }
    std::array<std::byte, sector_bytes> words{};
    bus_.read_words(static_cast<std::uint16_t>(place_.registers + data), words);
    take_identity(words);
    return sectors_ == 0 ? fail(AtaError::Kind::no_block_addresses)
                         : std::expected<void, AtaError>{};
}

/// "IDENTIFY DEVICE data".
template <PortBus Bus>
void AtaDisk<Bus>::take_identity(std::span<std::byte const> bytes) {
    auto const word = [&](std::size_t number) {
        return std::to_integer<std::uint64_t>(bytes[2 * number]) |
               std::to_integer<std::uint64_t>(bytes[2 * number + 1]) << 8;
    };
    bool const block_addresses = (word(49) & 1U << 9) != 0;
    long_addresses_ = block_addresses && (word(83) & 1U << 10) != 0;
    sectors_ = !block_addresses  ? 0
               : long_addresses_ ? word(100) | word(101) << 16 | word(102) << 32 | word(103) << 48
                                 : word(60) | word(61) << 16;
}

template <PortBus Bus>
std::expected<void, AtaError> AtaDisk<Bus>::begin(Commands commands, std::uint64_t sector,
                                                  std::uint64_t sectors) {
    bool const is_read = commands.short_addresses == read_sectors.short_addresses;
    now_ = {.kind = AtaError::Kind::beyond_end,
            .command = is_read ? AtaError::Command::read : AtaError::Command::write,
            .sector = sector};
    if (sectors == 0 || sectors > most_sectors || sector > sectors_ || sectors > sectors_ - sector)
        return fail(AtaError::Kind::beyond_end);

    constexpr std::uint64_t short_end = 1U << 28;
    bool const far = sector + sectors > short_end;
    constexpr std::uint8_t block_address = 0xe0;
    std::uint64_t const top = far ? 0 : sector >> 24;
    if (auto const ready = select(static_cast<std::uint8_t>(block_address | top)); !ready)
        return ready;
    if (far) {
        // Each register holds two bytes, the upper one written first.
        put(count, sectors >> 8);
        put(lba_low, sector >> 24);
        put(lba_middle, sector >> 32);
        put(lba_high, sector >> 40);
    }
    put(count, sectors); // 256 is 0 with short addresses
    put(lba_low, sector);
    put(lba_middle, sector >> 8);
    put(lba_high, sector >> 16);
    put(command_register, far ? commands.long_addresses : commands.short_addresses);
    return {};
}

template <PortBus Bus>
std::expected<void, AtaError> AtaDisk<Bus>::read(std::uint64_t sector, std::span<std::byte> to) {
    if (auto const begun = begin(read_sectors, sector, to.size() / sector_bytes); !begun)
        return begun;
    for (; to.size() >= sector_bytes; to = to.subspan(sector_bytes)) {
        if (auto const ready = wait_for_data(); !ready) return ready;
        bus_.read_words(static_cast<std::uint16_t>(place_.registers + data),
                        to.first(sector_bytes));
    }
    return {};
}

template <PortBus Bus>
std::expected<void, AtaError> AtaDisk<Bus>::write(std::uint64_t sector,
                                                  std::span<std::byte const> from) {
    if (auto const begun = begin(write_sectors, sector, from.size() / sector_bytes); !begun)
        return begun;
    for (; from.size() >= sector_bytes; from = from.subspan(sector_bytes)) {
        if (auto const ready = wait_for_data(); !ready) return ready;
        bus_.write_words(static_cast<std::uint16_t>(place_.registers + data),
                         from.first(sector_bytes));
    }
    // Whether the last sector arrived is known only now.
    settle();
    if (auto const idle = wait_while_busy(); !idle) return idle;
    std::uint8_t const now = get(status);
    if ((now & fault) != 0) return fail(AtaError::Kind::device_fault);
    if ((now & failed) != 0) return fail(AtaError::Kind::refused);
    return {};
}

} // namespace twofold::hv
