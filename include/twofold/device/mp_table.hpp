// The table by which kernels without ACPI find a PC's processors and interrupt controllers
// ("MultiProcessor Specification", version 1.4).
#pragma once

#include <twofold/arch/address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace twofold {

class MpTable {
  public:
    /// In the firmware's place, where kernels look for it.
    static constexpr Gpa place{0xf'0000};
    static constexpr unsigned most_processors = 254;

    /// `processors`: from 1; their local APICs are numbered from 0. Interrupts of the ISA bus lead
    /// to the pins of the same numbers.
    explicit constexpr MpTable(unsigned processors) {
        put_floating_pointer();
        put_header();
        for (unsigned n = 0; n < processors; ++n)
            put_processor(n);
        put_controllers(static_cast<std::uint8_t>(processors));
        finish();
    }

    /// To be written to `place`.
    [[nodiscard]] constexpr std::span<std::byte const> bytes() const {
        return std::span{bytes_}.first(count_);
    }

  private:
    static constexpr std::size_t pointer_bytes = 16;
    static constexpr std::uint32_t local_apic = 0xfee0'0000;
    static constexpr std::uint32_t io_apic = 0xfec0'0000;
    static constexpr std::uint8_t revision_1_4 = 4;

    /// `count`: at most 8.
    constexpr void put(std::uint64_t value, std::size_t count) {
        for (std::size_t n = 0; n < count; ++n)
            bytes_[count_++] = static_cast<std::byte>(value >> 8 * n);
    }
    constexpr void put(std::string_view text) {
        for (char const letter : text)
            bytes_[count_++] = static_cast<std::byte>(letter);
    }
    /// Makes the sum of the bytes in [begin, end) zero by the one at `at`.
    constexpr void balance(std::size_t begin, std::size_t end, std::size_t at) {
        std::uint8_t sum = 0;
        for (std::size_t n = begin; n < end; ++n)
            sum = static_cast<std::uint8_t>(sum + std::to_integer<std::uint8_t>(bytes_[n]));
        bytes_[at] = static_cast<std::byte>(0x100 - sum);
    }

    /// "MP Floating Pointer Structure".
    constexpr void put_floating_pointer() {
        put("_MP_");
        put(place.value() + pointer_bytes, 4);
        put(1, 1); // its length, in 16 bytes
        put(revision_1_4, 1);
        put(0, 6); // checksum; a table is there; the controllers are connected as a PC's are
    }
    /// "MP Configuration Table Header".
    constexpr void put_header() {
        put("PCMP");
        put(0, 2); // length, later
        put(revision_1_4, 1);
        put(0, 1); // checksum, later
        put("TWOFOLD GUEST       ");
        put(0, 6); // no table of the manufacturer's
        put(0, 2); // entries, later
        put(local_apic, 4);
        put(0, 4); // no extension
    }
    constexpr void put_processor(unsigned number) {
        constexpr std::uint64_t version = 0x14;
        put(std::uint64_t{number} << 8 | version << 16, 3);
        put(number == 0 ? 3 : 1, 1); // usable, and the first is the one that starts
        put(0, 8);                   // signature and features of the processor: CPUID has them
        put(0, 8);
        ++entries_;
    }
    constexpr void put_controllers(std::uint8_t io_apic_number) {
        put(1, 2);
        put("ISA   ");
        put(2 | std::uint64_t{io_apic_number} << 8 | 0x11 << 16 | 1 << 24, 4);
        put(io_apic, 4);
        entries_ += 2;
        for (std::uint64_t line = 0; line < 16; ++line)
            put_interrupt(3, 0, line, io_apic_number, line);
        // Of all processors: the old controller at LINT0, NMI at LINT1.
        put_interrupt(4, 3, 0, 0xff, 0);
        put_interrupt(4, 1, 0, 0xff, 1);
    }
    /// "I/O Interrupt Assignment Entries", "Local Interrupt Assignment Entries".
    constexpr void put_interrupt(std::uint64_t entry, std::uint64_t type, std::uint64_t line,
                                 std::uint64_t controller, std::uint64_t pin) {
        put(entry | type << 8 | line << 40 | controller << 48 | pin << 56, 8);
        ++entries_;
    }
    constexpr void finish() {
        std::size_t const length = count_ - pointer_bytes;
        std::size_t const end = count_;
        count_ = pointer_bytes + 4;
        put(length, 2);
        count_ = pointer_bytes + 34;
        put(entries_, 2);
        count_ = end;
        balance(0, pointer_bytes, 10);
        balance(pointer_bytes, end, pointer_bytes + 7);
    }

    std::array<std::byte, 16 + 44 + 20 * most_processors + 8 * 20> bytes_{};
    std::size_t count_ = 0;
    std::uint64_t entries_ = 0;
};

} // namespace twofold
