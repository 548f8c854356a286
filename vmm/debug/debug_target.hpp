// What a debugger sees of a running guest. Engines implement it; the GDB stub knows nothing else.
#pragma once

#include <twofold/arch/address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold::vmm {

/// The registers of one virtual processor.
struct DebugRegisters {
    /// RAX RBX RCX RDX RSI RDI RBP RSP R8 ... R15.
    std::array<std::uint64_t, 16> general{};
    std::uint64_t rip = 0;
    std::uint32_t eflags = 0;
    /// Selectors of CS SS DS ES FS GS.
    std::array<std::uint32_t, 6> selectors{};
    std::uint64_t fs_base = 0;
    std::uint64_t gs_base = 0;
    std::uint64_t cr0 = 0;
    std::uint64_t cr2 = 0;
    std::uint64_t cr3 = 0;
    std::uint64_t cr4 = 0;
    std::uint64_t efer = 0;

    friend bool operator==(DebugRegisters const&, DebugRegisters const&) = default;
};

/// Z0 and Z1 of the protocol.
enum class BreakpointKind : std::uint8_t { software, hardware };

enum class ResumeKind : std::uint8_t { step, run };

struct DebugStop {
    enum class Reason : std::uint8_t {
        /// A breakpoint, or a step that is done.
        trap,
        /// interrupt() was called.
        interrupted,
        /// The guest triple-faulted or its processor cannot go on.
        fault,
        /// The guest has ended; `exit_status` is its own.
        ended,
    };
    Reason reason;
    std::uint8_t exit_status = 0;
};

/// All calls come from one thread. While the target runs only interrupt() and kill() are called.
class DebugTarget {
  public:
    DebugTarget() = default;
    DebugTarget(DebugTarget const&) = delete;
    DebugTarget& operator=(DebugTarget const&) = delete;
    virtual ~DebugTarget() = default;

    [[nodiscard]] virtual DebugRegisters registers() = 0;
    /// False when the state is not possible.
    [[nodiscard]] virtual bool set_registers(DebugRegisters const& registers) = 0;
    /// Each returns how many bytes, from the first on, could be accessed.
    [[nodiscard]] virtual std::size_t read_memory(Gva gva, std::span<std::byte> to) = 0;
    [[nodiscard]] virtual std::size_t write_memory(Gva gva, std::span<std::byte const> from) = 0;
    /// False when there are no more of that kind, or nothing is mapped there.
    [[nodiscard]] virtual bool set_breakpoint(BreakpointKind kind, Gva gva) = 0;
    [[nodiscard]] virtual bool remove_breakpoint(BreakpointKind kind, Gva gva) = 0;

    /// Starts to run and returns at once.
    virtual void resume(ResumeKind kind) = 0;
    /// Makes a target that runs stop soon.
    virtual void interrupt() = 0;
    /// Can be read when a target that ran has stopped.
    [[nodiscard]] virtual int stop_descriptor() const = 0;
    /// Why it stopped. To be called once for each resume(), when stop_descriptor() can be read.
    [[nodiscard]] virtual DebugStop take_stop() = 0;
    /// Ends the guest.
    virtual void kill() = 0;
};

} // namespace twofold::vmm
