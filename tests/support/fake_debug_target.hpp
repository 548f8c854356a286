// A target for the debugger's stub: a memory image behind the first page tables of a guest, and
// processors that know six instructions.
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
#include <string>
#include <vector>

namespace twofold::test {

/// nop, inc eax, jmp short, int3, hlt and ud2 (its first byte) are what it executes; hlt ends it
/// with the status in RDI, ud2 is a fault. A jump to itself runs until it is interrupted.
/// Processors that run do so in turns of one instruction.
class FakeDebugTarget : public vmm::DebugTarget {
  public:
    static constexpr std::uint64_t memory_bytes = 8 << 20;
    static constexpr Gva code{0x40'0000};

    explicit FakeDebugTarget(std::vector<std::byte> const& program, unsigned processors = 1)
        : memory_(memory_bytes), pipe_(vmm::Pipe::make()), registers_(processors) {
        auto const file = ElfFile{{{code.value(), program, 0x3000}}}.bytes();
        auto const layout = load_guest(file, {.memory_bytes = memory_bytes}, memory_);
        for (auto& registers : registers_) {
            registers.rip = layout->entry.value();
            registers.cr0 = cr0::protection_enable | cr0::paging;
            registers.cr3 = layout->cr3.value();
            registers.cr4 = cr4::physical_address_extension;
            registers.efer = efer::long_mode_enable | efer::long_mode_active;
            registers.selectors = {0x08, 0x10, 0x10, 0x10, 0x10, 0x10};
        }
    }

    [[nodiscard]] unsigned processors() const override {
        return static_cast<unsigned>(registers_.size());
    }
    std::string processor_text(unsigned processor) override {
        return "fake " + std::to_string(processor);
    }
    vmm::DebugRegisters registers(unsigned processor) override { return registers_[processor]; }
    [[nodiscard]] vmm::DebugRegisters const& first_registers() const { return registers_.front(); }
    bool set_registers(unsigned processor, vmm::DebugRegisters const& registers) override {
        registers_[processor] = registers;
        return true;
    }
    std::size_t read_memory(unsigned processor, Gva gva, std::span<std::byte> to) override {
        return access(processor, gva, to.size(),
                      [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
                          return memory_.read(gpa, to.subspan(first, bytes)).has_value();
                      });
    }
    std::size_t write_memory(unsigned processor, Gva gva,
                             std::span<std::byte const> from) override {
        return access(processor, gva, from.size(),
                      [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
                          return memory_.write(gpa, from.subspan(first, bytes)).has_value();
                      });
    }
    [[nodiscard]] bool can_watch() const override { return watches_; }
    void cannot_watch() { watches_ = false; }
    bool set_breakpoint(unsigned, vmm::Breakpoint const& breakpoint) override {
        // As many as a processor has.
        if (breakpoint.kind != vmm::BreakpointKind::software && breakpoints_.size() >= 4)
            return false;
        breakpoints_.insert(breakpoint);
        return true;
    }
    bool remove_breakpoint(vmm::Breakpoint const& breakpoint) override {
        if (running_) touched_in_motion_ = true;
        return breakpoints_.erase(breakpoint) == 1;
    }
    void resume(std::span<vmm::ResumeKind const> kinds) override {
        for (bool one_moves = true; one_moves;) {
            one_moves = false;
            for (unsigned n = 0; n < kinds.size(); ++n) {
                if (kinds[n] == vmm::ResumeKind::stay) continue;
                std::uint64_t const before = registers_[n].rip;
                if (auto const stop = move(n, kinds[n])) return report(*stop);
                one_moves = one_moves || registers_[n].rip != before;
            }
        }
        running_ = true;
    }
    void let_go() override {
        if (running_) touched_in_motion_ = true;
        breakpoints_.clear();
        resume(std::vector(registers_.size(), vmm::ResumeKind::run));
    }
    void interrupt() override {
        if (!running_.exchange(false)) return;
        report({vmm::DebugStop::Reason::interrupted});
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
    [[nodiscard]] std::set<vmm::Breakpoint> const& breakpoints() const { return breakpoints_; }
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
    std::size_t access(unsigned processor, Gva gva, std::uint64_t bytes, Action const& action) {
        auto const& registers = registers_[processor];
        PagingRegisters const paging{registers.cr0, registers.cr3, registers.cr4, registers.efer};
        Tables tables{memory_};
        return for_each_linear_page(paging, gva, bytes, tables, action);
    }
    /// Executes one instruction. What the processor stops with, if it does.
    std::optional<vmm::DebugStop> move(unsigned processor, vmm::ResumeKind kind) {
        using enum vmm::DebugStop::Reason;
        auto& registers = registers_[processor];
        std::byte instruction[2]{};
        (void)read_memory(processor, Gva{registers.rip}, instruction);
        auto const status = static_cast<std::uint8_t>(registers.general[5]);
        if (auto const reason = execute(registers, instruction))
            return vmm::DebugStop{*reason, status, processor, {}};
        if (kind == vmm::ResumeKind::step) return vmm::DebugStop{trap, 0, processor, {}};
        for (auto const& breakpoint : breakpoints_)
            if (!watches_data(breakpoint.kind) && breakpoint.gva.value() == registers.rip)
                return vmm::DebugStop{trap, 0, processor, breakpoint};
        return std::nullopt;
    }
    static std::optional<vmm::DebugStop::Reason>
    execute(vmm::DebugRegisters& registers, std::span<std::byte const, 2> instruction) {
        using enum vmm::DebugStop::Reason;
        switch (std::to_integer<unsigned>(instruction[0])) {
        case 0x90: registers.rip += 1; return std::nullopt;
        case 0xff: // inc eax, of which the second byte is c0
            registers.general[0] += 1;
            registers.rip += 2;
            return std::nullopt;
        case 0xeb: {
            auto const distance = static_cast<std::int8_t>(instruction[1]);
            registers.rip += 2 + static_cast<std::uint64_t>(std::int64_t{distance});
            return std::nullopt;
        }
        case 0xcc: registers.rip += 1; return trap;
        case 0xf4: return ended;
        default: return fault;
        }
    }
    void report(vmm::DebugStop const& stop) {
        stop_ = stop;
        std::byte const signal{1};
        (void)vmm::write_all(pipe_.write_end.get(), {&signal, 1});
    }

    FlatGuestMemory memory_;
    vmm::Pipe pipe_;
    std::vector<vmm::DebugRegisters> registers_;
    std::set<vmm::Breakpoint> breakpoints_;
    vmm::DebugStop stop_{};
    std::atomic<bool> running_ = false;
    std::atomic<bool> killed_ = false;
    bool touched_in_motion_ = false;
    bool watches_ = true;
};

/// nop, inc eax, inc eax, nop, jmp to itself.
inline std::vector<std::byte> looping_program() {
    std::vector<std::byte> program;
    for (unsigned const byte : {0x90U, 0xffU, 0xc0U, 0xffU, 0xc0U, 0x90U, 0xebU, 0xfeU})
        program.push_back(static_cast<std::byte>(byte));
    return program;
}

} // namespace twofold::test
