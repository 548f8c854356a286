// What an exit qualification says, by exit reason (Intel SDM vol. 3, "Exit Qualification").
#pragma once

#include <twofold/arch/access.hpp>
#include <twofold/arch/bits.hpp>
#include <twofold/arch/vm_exit.hpp>

#include <cstdint>

namespace twofold {

/// "Exit Qualification for EPT Violations".
class EptViolationQualification {
  public:
    explicit constexpr EptViolationQualification(std::uint64_t word) : word_(word) {}

    [[nodiscard]] constexpr bool read() const { return (word_ & bit(0)) != 0; }
    [[nodiscard]] constexpr bool write() const { return (word_ & bit(1)) != 0; }
    [[nodiscard]] constexpr bool fetch() const { return (word_ & bit(2)) != 0; }
    /// What the EPT entries on the way allow together; nothing when one was not present.
    [[nodiscard]] constexpr Permissions allowed() const {
        return {(word_ & bit(3)) != 0, (word_ & bit(4)) != 0, (word_ & bit(5)) != 0, true};
    }
    /// The guest-linear address field holds the address that the access was for.
    [[nodiscard]] constexpr bool has_linear_address() const { return (word_ & bit(7)) != 0; }
    /// The access was to the translated address, not to a paging-structure entry. Only with
    /// has_linear_address().
    [[nodiscard]] constexpr bool translated_access() const { return (word_ & bit(8)) != 0; }
    [[nodiscard]] constexpr bool nmi_unblocked_by_iret() const { return (word_ & bit(12)) != 0; }

    /// A read-modify-write is a write. With EPT accessed and dirty bits on, the processor's reads
    /// of guest paging structures are writes as well.
    [[nodiscard]] constexpr Access access() const {
        if (write()) return Access::write;
        return fetch() ? Access::execute : Access::read;
    }
    [[nodiscard]] constexpr bool during_walk() const {
        return has_linear_address() && !translated_access();
    }

  private:
    std::uint64_t word_;
};

/// "Exit Qualification for I/O Instructions".
constexpr vm_exit::PortAccess port_access(std::uint64_t qualification) {
    return {.port = static_cast<std::uint16_t>(field(qualification, 31, 16)),
            .bytes = static_cast<std::uint8_t>(field(qualification, 2, 0) + 1),
            .in = (qualification & bit(3)) != 0,
            .string = (qualification & bit(4)) != 0,
            .repeated = (qualification & bit(5)) != 0};
}

/// "Exit Qualification for Control-Register Accesses".
constexpr vm_exit::ControlRegister control_register_access(std::uint64_t qualification) {
    return {.number = static_cast<std::uint8_t>(field(qualification, 3, 0)),
            .operation =
                static_cast<vm_exit::ControlRegister::Operation>(field(qualification, 5, 4)),
            .register_number = static_cast<std::uint8_t>(field(qualification, 11, 8)),
            .machine_status = static_cast<std::uint16_t>(field(qualification, 31, 16))};
}

/// The interruption information of exits, entries and IDT vectoring, which share their format.
class InterruptionInformation {
  public:
    enum class Type : std::uint8_t {
        external_interrupt = 0,
        non_maskable_interrupt = 2,
        hardware_exception = 3,
        software_interrupt = 4,
        privileged_software_exception = 5,
        software_exception = 6,
    };

    explicit constexpr InterruptionInformation(std::uint32_t word) : word_(word) {}
    static constexpr InterruptionInformation exception(std::uint8_t vector, bool error_code) {
        return InterruptionInformation{static_cast<std::uint32_t>(
            vector | static_cast<std::uint64_t>(Type::hardware_exception) << 8 |
            (error_code ? bit(11) : 0) | bit(31))};
    }

    [[nodiscard]] constexpr std::uint8_t vector() const { return static_cast<std::uint8_t>(word_); }
    [[nodiscard]] constexpr Type type() const { return static_cast<Type>(field(word_, 10, 8)); }
    [[nodiscard]] constexpr bool has_error_code() const { return (word_ & bit(11)) != 0; }
    [[nodiscard]] constexpr bool nmi_unblocked_by_iret() const { return (word_ & bit(12)) != 0; }
    [[nodiscard]] constexpr bool valid() const { return (word_ & bit(31)) != 0; }
    /// The event came from an instruction, which is to be skipped once it is delivered.
    [[nodiscard]] constexpr bool from_instruction() const {
        return type() == Type::software_interrupt ||
               type() == Type::privileged_software_exception || type() == Type::software_exception;
    }
    /// For entry: bit 12 is reserved there.
    [[nodiscard]] constexpr std::uint32_t for_entry() const {
        return word_ & static_cast<std::uint32_t>(~bit(12));
    }

  private:
    std::uint32_t word_;
};

static_assert(InterruptionInformation::exception(13, true).for_entry() == 0x8000'0b0d);

} // namespace twofold
