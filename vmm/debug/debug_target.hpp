// What a debugger sees of a running guest. Engines implement it; the GDB stub knows nothing else.
#pragma once

#include <twofold/arch/address.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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
    /// ST0 to ST7.
    std::array<std::array<std::uint8_t, 10>, 8> x87{};
    /// The x87 unit's control, status and tag word, the last instruction's selector and offset, its
    /// operand's, and its opcode. The tag word has two bits a register.
    std::array<std::uint32_t, 8> x87_state{};
    std::array<std::array<std::uint8_t, 16>, 16> xmm{};
    std::uint32_t mxcsr = 0;

    friend bool operator==(DebugRegisters const&, DebugRegisters const&) = default;
};

/// Z0, Z1, Z2 and Z4 of the protocol: the last two stop behind an instruction that writes to
/// watched bytes, or accesses them. x86 has none for reads alone.
enum class BreakpointKind : std::uint8_t { software, hardware, write, access };

constexpr bool watches_data(BreakpointKind kind) { return kind >= BreakpointKind::write; }

struct Breakpoint {
    BreakpointKind kind;
    Gva gva;
    /// Those that are watched; of the other kinds 1.
    std::uint64_t bytes = 1;

    friend auto operator<=>(Breakpoint const&, Breakpoint const&) = default;
};

/// Of one processor; `stay`: it goes on standing still.
enum class ResumeKind : std::uint8_t { stay, step, run };

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
    /// Of which processor that is said.
    unsigned processor = 0;
    /// Which breakpoint it came to.
    std::optional<Breakpoint> hit{};
};

/// Why can_watch() says no.
inline constexpr std::string_view no_watchpoints =
    "KVM emulates ring 0 on this host, and its emulator does not stop at data: give gdb 'set "
    "can-use-hw-watchpoints 0', and it steps and compares instead";

/// All calls come from one thread. While the target runs only interrupt() and kill() are called.
/// Its processors are numbered from 0, and stand still all at once.
class DebugTarget {
  public:
    DebugTarget() = default;
    DebugTarget(DebugTarget const&) = delete;
    DebugTarget& operator=(DebugTarget const&) = delete;
    virtual ~DebugTarget() = default;

    [[nodiscard]] virtual unsigned processors() const = 0;
    /// What it does, in a word or two.
    [[nodiscard]] virtual std::string processor_text(unsigned processor) = 0;
    [[nodiscard]] virtual DebugRegisters registers(unsigned processor) = 0;
    /// False when the state is not possible.
    [[nodiscard]] virtual bool set_registers(unsigned processor,
                                             DebugRegisters const& registers) = 0;
    /// By the page tables of `processor`. Each returns how many bytes, from the first on, could be
    /// accessed.
    [[nodiscard]] virtual std::size_t read_memory(unsigned processor, Gva gva,
                                                  std::span<std::byte> to) = 0;
    [[nodiscard]] virtual std::size_t write_memory(unsigned processor, Gva gva,
                                                   std::span<std::byte const> from) = 0;
    /// Whether data can be watched here.
    [[nodiscard]] virtual bool can_watch() const = 0;
    /// For all processors; where `gva` lies is asked of one. False when there are no more of that
    /// kind, or nothing is mapped there.
    [[nodiscard]] virtual bool set_breakpoint(unsigned processor, Breakpoint const& breakpoint) = 0;
    [[nodiscard]] virtual bool remove_breakpoint(Breakpoint const& breakpoint) = 0;

    /// Starts to run, of each processor one, and returns at once.
    virtual void resume(std::span<ResumeKind const> kinds) = 0;
    /// Lets all processors run, without breakpoints: there is no debugger any more.
    virtual void let_go() = 0;
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
