// A PC's clock and CMOS memory at ports 0x70 and 0x71 ("MC146818 Real-Time Clock"): the time is the
// caller's, in UTC; the places where firmware leaves the memory's size and the number of processors
// hold them.
#pragma once

#include <twofold/device/calendar.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace twofold {

class CmosClock {
  public:
    static constexpr std::uint16_t index_port = 0x70;
    static constexpr std::uint16_t data_port = 0x71;
    static constexpr bool has(std::uint16_t port) {
        return port == index_port || port == data_port;
    }

    /// `memory_bytes`: from 0 up to the devices; memory from 4 GiB on is not told.
    constexpr CmosClock(std::uint64_t memory_bytes, unsigned processors) {
        put(status_b, hours_24);
        put(status_d, clock_is_valid);
        put_word(0x15, 640); // KiB of conventional memory
        std::uint64_t const extended = above(memory_bytes, 1 << 20) >> 10;
        put_word(0x17, std::min<std::uint64_t>(extended, 0xffff));
        put_word(0x30, std::min<std::uint64_t>(extended, 0xffff));
        put_word(0x34, std::min<std::uint64_t>(above(memory_bytes, 16 << 20) >> 16, 0xffff));
        put(processors_place, static_cast<std::uint8_t>(processors - 1));
    }

    /// Bit 7 of the index switches NMI off, of which there is none.
    void write(std::uint16_t port, std::uint8_t value) {
        if (port == index_port) {
            index_ = value & 0x7f;
        } else if (index_ == status_b) {
            // The clock always runs, and never interrupts.
            put(status_b, value & (hours_24 | binary));
        } else if (index_ > status_d) {
            put(index_, value); // times cannot be set
        }
    }

    /// `seconds`: of UTC since 1970.
    [[nodiscard]] std::uint8_t read(std::uint16_t port, std::int64_t seconds) const {
        if (port == index_port) return 0xff; // write-only on the bus
        return is_time(index_) ? time_register(calendar_time(seconds)) : memory_[index_];
    }

  private:
    static constexpr std::uint8_t status_b = 0x0b;
    static constexpr std::uint8_t status_d = 0x0d;
    static constexpr std::uint8_t century = 0x32;
    static constexpr std::uint8_t processors_place = 0x5f;
    static constexpr std::uint8_t hours_24 = 0x02; // of status B
    static constexpr std::uint8_t binary = 0x04;   // of status B
    static constexpr std::uint8_t clock_is_valid = 0x80;

    static constexpr std::uint64_t above(std::uint64_t bytes, std::uint64_t from) {
        return bytes - std::min(bytes, from);
    }
    static constexpr bool is_time(std::uint8_t index) {
        return index <= 9 ? index % 2 == 0 || index >= 6 : index == century;
    }
    constexpr void put(std::uint8_t index, std::uint8_t value) { memory_[index] = value; }
    constexpr void put_word(std::uint8_t index, std::uint64_t value) {
        put(index, static_cast<std::uint8_t>(value));
        put(static_cast<std::uint8_t>(index + 1), static_cast<std::uint8_t>(value >> 8));
    }

    [[nodiscard]] std::uint8_t coded(unsigned value) const {
        bool const plain = (memory_[status_b] & binary) != 0;
        return static_cast<std::uint8_t>(plain ? value : value / 10 << 4 | value % 10);
    }
    [[nodiscard]] std::uint8_t hour(unsigned hour) const {
        if ((memory_[status_b] & hours_24) != 0) return coded(hour);
        constexpr std::uint8_t afternoon = 0x80;
        unsigned const of_twelve = (hour + 11) % 12 + 1;
        return coded(of_twelve) | (hour >= 12 ? afternoon : std::uint8_t{0});
    }
    [[nodiscard]] std::uint8_t time_register(CalendarTime const& time) const {
        switch (index_) {
        case 0: return coded(time.second);
        case 2: return coded(time.minute);
        case 4: return hour(time.hour);
        case 6: return coded(time.weekday + 1);
        case 7: return coded(time.day);
        case 8: return coded(time.month);
        case 9: return coded(time.year % 100);
        default: return coded(time.year / 100);
        }
    }

    std::uint8_t index_ = 0;
    std::array<std::uint8_t, 128> memory_{};
};

} // namespace twofold
