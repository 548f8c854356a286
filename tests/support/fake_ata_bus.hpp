// A channel with one ATA disk as the second device, whose misbehaviour is chosen.
#pragma once

#include "hv/device/ata_disk.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace twofold::test {

struct FakeAtaDisk {
    /// What its IDENTIFY says; contents wrap around at `contents`'s end.
    std::uint64_t sectors = 4096;
    bool block_addresses = true;
    bool long_addresses = true;
    std::vector<std::byte> contents = std::vector<std::byte>(64 * 512);

    /// Status where nothing, or something else, is connected.
    std::optional<std::uint8_t> only_status = std::nullopt;
    bool packet_device = false;
    /// Commands are taken and nothing happens.
    bool deaf = false;
    /// How many looks at the status find it busy after each command and sector; ~0: for ever.
    std::uint32_t busy_looks = 3;
    /// The transfer of this sector fails with these, once it is reached.
    std::optional<std::uint64_t> bad_sector = std::nullopt;
    std::uint8_t bad_status = 0x51;
    std::uint8_t bad_error = 0x40;

    std::vector<std::uint8_t> commands = {};
    std::uint8_t control = 0;
    std::uint64_t looks = 0;
};

class FakeAtaBus {
  public:
    explicit FakeAtaBus(FakeAtaDisk& disk) : disk_(&disk) {}

    std::uint8_t read_byte(std::uint16_t port) {
        if (port == 0x3f6) return status();
        switch (port - 0x1f0) {
        case 1: return error_;
        case 4: return disk_->packet_device ? 0x14 : registers_[4][0];
        case 5: return disk_->packet_device ? 0xeb : registers_[5][0];
        case 7: return status();
        default: return registers_[port - 0x1f0][0];
        }
    }
    void write_byte(std::uint16_t port, std::uint8_t value) {
        if (port == 0x3f6) {
            disk_->control = value;
            return;
        }
        auto& place = registers_.at(port - 0x1f0);
        place = {value, place[0]};
        if (port == 0x1f7) begin(value);
    }
    void read_words(std::uint16_t, std::span<std::byte> to) {
        auto const from = identifies_ ? std::span<std::byte const>{identity_} : here();
        std::memcpy(to.data(), from.data(), to.size());
        advance();
    }
    void write_words(std::uint16_t, std::span<std::byte const> from) {
        std::memcpy(here().data(), from.data(), from.size());
        advance();
    }

  private:
    static constexpr std::uint8_t busy = 0x80, ready = 0x50, data_request = 0x08, failed = 0x01;

    std::uint8_t status() {
        if (disk_->only_status) return *disk_->only_status;
        ++disk_->looks;
        if (busy_left_ != 0) {
            if (busy_left_ != ~std::uint32_t{0}) --busy_left_;
            return busy;
        }
        return status_;
    }
    std::span<std::byte> here() {
        return std::span{disk_->contents}.subspan(sector_ * 512 % disk_->contents.size(), 512);
    }

    void begin(std::uint8_t command) {
        disk_->commands.push_back(command);
        status_ = ready;
        error_ = 0;
        if (disk_->deaf || disk_->only_status) return;
        identifies_ = command == 0xec;
        bool const far = command == 0x24 || command == 0x34;
        auto const both = [&](unsigned which) {
            return std::uint64_t{registers_[which][0]} |
                   (far ? std::uint64_t{registers_[which][1]} << 24 : 0);
        };
        sector_ = both(3) | both(4) << 8 | both(5) << 16;
        if (!far) sector_ |= std::uint64_t{registers_[6][0] & 0xfU} << 24;
        left_ = registers_[2][0] | (far ? unsigned{registers_[2][1]} << 8 : 0U);
        if (left_ == 0) left_ = far ? 65536 : 256;
        if (identifies_) {
            left_ = 1;
            identify();
        }
        if (disk_->packet_device) {
            status_ = ready | failed;
            error_ = 4;
            return;
        }
        next_sector();
    }
    void next_sector() {
        busy_left_ = disk_->busy_looks;
        if (!identifies_ && left_ > 0 && disk_->bad_sector == sector_) {
            status_ = disk_->bad_status;
            error_ = disk_->bad_error;
        } else {
            status_ = left_ > 0 ? ready | data_request : ready;
        }
    }
    void advance() {
        ++sector_;
        --left_;
        next_sector();
    }
    void identify() {
        identity_.fill(std::byte{0});
        auto const put = [&](unsigned word, std::uint64_t value) {
            identity_[2 * word] = static_cast<std::byte>(value);
            identity_[2 * word + 1] = static_cast<std::byte>(value >> 8);
        };
        put(49, disk_->block_addresses ? 1U << 9 : 0);
        put(83, disk_->long_addresses ? 1U << 10 : 0);
        for (unsigned i = 0; i < 2; ++i)
            put(60 + i, disk_->sectors >> 16 * i);
        for (unsigned i = 0; i < 4; ++i)
            put(100 + i, disk_->sectors >> 16 * i);
    }

    FakeAtaDisk* disk_;
    /// Each register's value and the one written before it.
    std::array<std::array<std::uint8_t, 2>, 8> registers_{};
    std::array<std::byte, 512> identity_{};
    std::uint8_t status_ = ready;
    std::uint8_t error_ = 0;
    std::uint32_t busy_left_ = 0;
    std::uint64_t sector_ = 0;
    unsigned left_ = 0;
    bool identifies_ = false;
};

} // namespace twofold::test
