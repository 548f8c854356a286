// Exceptions by their vectors (Intel SDM vol. 3, "Exception and Interrupt Reference").
#pragma once

#include <twofold/arch/bits.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace twofold {

/// Vectors below this belong to the processor.
inline constexpr std::uint8_t exception_vectors = 32;

namespace exception {
inline constexpr std::uint8_t debug = 1;
inline constexpr std::uint8_t non_maskable_interrupt = 2;
inline constexpr std::uint8_t breakpoint = 3;
inline constexpr std::uint8_t invalid_opcode = 6;
inline constexpr std::uint8_t double_fault = 8;
inline constexpr std::uint8_t general_protection = 13;
inline constexpr std::uint8_t page_fault = 14;
inline constexpr std::uint8_t alignment_check = 17;
inline constexpr std::uint8_t machine_check = 18;
} // namespace exception

/// Mnemonic and name, such as "#PF page fault".
constexpr std::string_view exception_name(std::uint8_t vector) {
    constexpr std::array<std::string_view, exception_vectors> names{
        "#DE divide error",
        "#DB debug exception",
        "NMI interrupt",
        "#BP breakpoint",
        "#OF overflow",
        "#BR bound range exceeded",
        "#UD invalid opcode",
        "#NM device not available",
        "#DF double fault",
        "coprocessor segment overrun",
        "#TS invalid TSS",
        "#NP segment not present",
        "#SS stack-segment fault",
        "#GP general protection",
        "#PF page fault",
        "reserved vector 15",
        "#MF x87 floating-point error",
        "#AC alignment check",
        "#MC machine check",
        "#XM SIMD floating-point exception",
        "#VE virtualization exception",
        "#CP control protection exception",
        "reserved vector 22",
        "reserved vector 23",
        "reserved vector 24",
        "reserved vector 25",
        "reserved vector 26",
        "reserved vector 27",
        "#HV hypervisor injection exception",
        "#VC VMM communication exception",
        "#SX security exception",
        "reserved vector 31",
    };
    return vector < names.size() ? names[vector] : "external interrupt";
}

/// Whether the processor pushes an error code. #VC and #SX are AMD's.
constexpr bool exception_has_error_code(std::uint8_t vector) {
    constexpr std::uint64_t vectors = bit(8) | mask(14, 10) | bit(17) | bit(21) | bit(29) | bit(30);
    return vector < exception_vectors && (vectors & bit(vector)) != 0;
}

/// The error code of a page fault (Intel SDM vol. 3, "Page-Fault Exceptions").
class PageFaultCode {
  public:
    explicit constexpr PageFaultCode(std::uint64_t word) : word_(word) {}

    /// The page was mapped; otherwise it was not present.
    [[nodiscard]] constexpr bool present() const { return (word_ & bit(0)) != 0; }
    [[nodiscard]] constexpr bool write() const { return (word_ & bit(1)) != 0; }
    [[nodiscard]] constexpr bool user() const { return (word_ & bit(2)) != 0; }
    /// A paging-structure entry had a reserved bit set.
    [[nodiscard]] constexpr bool reserved_bit() const { return (word_ & bit(3)) != 0; }
    [[nodiscard]] constexpr bool instruction_fetch() const { return (word_ & bit(4)) != 0; }

    /// What was tried, such as "write to".
    [[nodiscard]] constexpr std::string_view access_text() const {
        if (instruction_fetch()) return "execution of";
        return write() ? "write to" : "read of";
    }
    /// Why it was not allowed.
    [[nodiscard]] constexpr std::string_view reason_text() const {
        if (reserved_bit()) return "a reserved bit is set in a paging-structure entry";
        return present() ? "not allowed there" : "no page is present there";
    }

  private:
    std::uint64_t word_;
};

} // namespace twofold
