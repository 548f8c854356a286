// A target for the debugger's stub: a memory image behind the first page tables of a guest, and a
// processor that knows six instructions.
#pragma once

#include "debug/debug_target.hpp"
#include "support/elf_file.hpp"
#include "support/flat_guest_memory.hpp"
#include "system/file_descriptor.hpp"

#include <twofold/load/load_guest.hpp>
#include <twofold/paging/linear_memory.hpp>

#include <atomic>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

namespace twofold::test {

/// nop, inc eax, jmp short, int3, hlt and ud2 (its first byte) are what it executes; hlt ends it
/// with the status in RDI, ud2 is a fault. A jump to itself runs until it is interrupted.
class FakeDebugTarget : public vmm::DebugTarget {
  public:
    static constexpr std::uint64_t memory_bytes = 8 << 20;
    static constexpr Gva code{0x40'0000};

    explicit FakeDebugTarget(std::vector<std::byte> const& program)
        : memory_(memory_bytes), pipe_(vmm::Pipe::make()) {
        auto const file = ElfFile{{{code.value(), program, 0x3000}}}.bytes();
        auto const layout = load_guest(file, {.memory_bytes = memory_bytes}, memory_);
        registers_.rip = layout->entry.value();
        registers_.cr0 = cr0::protection_enable | cr0::paging;
        registers_.cr3 = layout->cr3.value();
        registers_.cr4 = cr4::physical_address_extension;
        registers_.efer = efer::long_mode_enable | efer::long_mode_active;
        registers_.selectors = {0x08, 0x10, 0x10, 0x10, 0x10, 0x10};
    }

    vmm::DebugRegisters registers() override { return registers_; }
    bool set_registers(vmm::DebugRegisters const& registers) override {
        registers_ = registers;
        return true;
    }
    std::size_t read_memory(Gva gva, std::span<std::byte> to) override {
        return access(gva, to.size(), [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
            return memory_.read(gpa, to.subspan(first, bytes)).has_value();
        });
    }
    std::size_t write_memory(Gva gva, std::span<std::byte const> from) override {
        return access(gva, from.size(), [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
            return memory_.write(gpa, from.subspan(first, bytes)).has_value();
        });
    }
    bool set_breakpoint(vmm::BreakpointKind kind, Gva gva) override {
        // As many as a processor has.
        if (kind == vmm::BreakpointKind::hardware && breakpoints_.size() >= 4) return false;
        breakpoints_.insert({kind, gva});
        return true;
    }
    bool remove_breakpoint(vmm::BreakpointKind kind, Gva gva) override {
        if (running_) touched_in_motion_ = true;
        return breakpoints_.erase({kind, gva}) == 1;
    }
    void resume(vmm::ResumeKind kind) override {
        using enum vmm::DebugStop::Reason;
        do {
            std::byte instruction[2]{};
            (void)read_memory(Gva{registers_.rip}, instruction);
            if (auto const reason = execute(instruction)) return stop(*reason);
            if (running_) return;
            if (kind == vmm::ResumeKind::step) return stop(trap);
        } while (!at_breakpoint());
        stop(trap);
    }
    void interrupt() override {
        if (!running_.exchange(false)) return;
        stop(vmm::DebugStop::Reason::interrupted);
    }
    [[nodiscard]] int stop_descriptor() const override { return pipe_.read_end.get(); }
    vmm::DebugStop take_stop() override {
        std::string signal;
        vmm::read_some(pipe_.read_end.get(), signal);
        return stop_;
    }
    void kill() override { killed_ = true; }

    [[nodiscard]] bool killed() const { return killed_; }
    /// In a jump to itself.
    [[nodiscard]] bool running() const { return running_; }
    [[nodiscard]] std::size_t breakpoints() const { return breakpoints_.size(); }
    /// A breakpoint was taken away while it ran, which engines can't have.
    [[nodiscard]] bool touched_in_motion() const { return touched_in_motion_; }
    [[nodiscard]] FlatGuestMemory& memory() { return memory_; }

  private:
    /// Walks the guest's own tables.
    struct Tables {
        using Error = FlatMemoryError;
        FlatGuestMemory& memory;

        template <class Word>
        std::expected<Word, Error> read(Gpa gpa) {
            if (gpa.value() > memory_bytes - sizeof(Word)) return std::unexpected(Error::outside);
            return memory.get<Word>(gpa);
        }
    };

    template <class Action>
    std::size_t access(Gva gva, std::uint64_t bytes, Action const& action) {
        PagingRegisters const paging{registers_.cr0, registers_.cr3, registers_.cr4,
                                     registers_.efer};
        Tables tables{memory_};
        return for_each_linear_page(paging, gva, bytes, tables, action);
    }
    /// Why the processor stops, where it does.
    std::optional<vmm::DebugStop::Reason> execute(std::span<std::byte const, 2> instruction) {
        using enum vmm::DebugStop::Reason;
        switch (std::to_integer<unsigned>(instruction[0])) {
        case 0x90: registers_.rip += 1; return std::nullopt;
        case 0xff: // inc eax, of which the second byte is c0
            registers_.general[0] += 1;
            registers_.rip += 2;
            return std::nullopt;
        case 0xeb: {
            auto const distance = static_cast<std::int8_t>(instruction[1]);
            registers_.rip += 2 + static_cast<std::uint64_t>(std::int64_t{distance});
            running_ = distance == -2;
            return std::nullopt;
        }
        case 0xcc: registers_.rip += 1; return trap;
        case 0xf4: return ended;
        default: return fault;
        }
    }
    [[nodiscard]] bool at_breakpoint() const {
        Gva const at{registers_.rip};
        return breakpoints_.contains({vmm::BreakpointKind::software, at}) ||
               breakpoints_.contains({vmm::BreakpointKind::hardware, at});
    }
    void stop(vmm::DebugStop::Reason reason) {
        stop_ = {reason, static_cast<std::uint8_t>(registers_.general[5])};
        std::byte const signal{1};
        (void)vmm::write_all(pipe_.write_end.get(), {&signal, 1});
    }

    FlatGuestMemory memory_;
    vmm::Pipe pipe_;
    vmm::DebugRegisters registers_;
    std::set<std::pair<vmm::BreakpointKind, Gva>> breakpoints_;
    vmm::DebugStop stop_{};
    std::atomic<bool> running_ = false;
    std::atomic<bool> killed_ = false;
    bool touched_in_motion_ = false;
};

/// nop, inc eax, inc eax, nop, jmp to itself.
inline std::vector<std::byte> looping_program() {
    std::vector<std::byte> program;
    for (unsigned const byte : {0x90U, 0xffU, 0xc0U, 0xffU, 0xc0U, 0x90U, 0xebU, 0xfeU})
        program.push_back(static_cast<std::byte>(byte));
    return program;
}

} // namespace twofold::test
