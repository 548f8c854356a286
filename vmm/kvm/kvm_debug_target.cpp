#include "kvm/kvm_debug_target.hpp"

#include "kvm/debug_vectors.hpp"
#include "kvm/explain.hpp"
#include "kvm/host.hpp"
#include "kvm/ram_words.hpp"

#include <twofold/arch/exception.hpp>
#include <twofold/paging/linear_memory.hpp>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace twofold::vmm::kvm {

namespace {

/// KVM's general registers in GDB's order, which is the processor's but for two.
constexpr std::array<__u64 kvm_regs::*, 16> general_registers{
    &kvm_regs::rax, &kvm_regs::rbx, &kvm_regs::rcx, &kvm_regs::rdx, &kvm_regs::rsi, &kvm_regs::rdi,
    &kvm_regs::rbp, &kvm_regs::rsp, &kvm_regs::r8,  &kvm_regs::r9,  &kvm_regs::r10, &kvm_regs::r11,
    &kvm_regs::r12, &kvm_regs::r13, &kvm_regs::r14, &kvm_regs::r15};

PagingRegisters paging_of(kvm_sregs const& special) {
    return {.cr0 = special.cr0, .cr3 = special.cr3, .cr4 = special.cr4, .efer = special.efer};
}

} // namespace

KvmDebugTarget::KvmDebugTarget(std::deque<Processor>& processors, GuestRam& ram, DebugGate& gate,
                               std::function<void()> kill)
    : processors_(processors), ram_(ram), gate_(gate), kill_(std::move(kill)),
      emulated_(examine_host().paging == Paging::software), breakpoints_(ram, !emulated_),
      own_int3_(processors.size()) {}

std::string KvmDebugTarget::processor_text(unsigned processor) {
    kvm_mp_state state{};
    TWOFOLD_KVM_CALL(processors_[processor].get(), KVM_GET_MP_STATE, &state);
    switch (state.mp_state) {
    case KVM_MP_STATE_RUNNABLE: return "runs";
    case KVM_MP_STATE_HALTED: return "halts";
    default: return "waits to be woken";
    }
}

DebugRegisters KvmDebugTarget::registers(unsigned processor) {
    auto const general = processors_[processor].registers();
    auto const special = processors_[processor].special_registers();
    DebugRegisters registers{.rip = general.rip,
                             .eflags = static_cast<std::uint32_t>(general.rflags),
                             .selectors = {special.cs.selector, special.ss.selector,
                                           special.ds.selector, special.es.selector,
                                           special.fs.selector, special.gs.selector},
                             .fs_base = special.fs.base,
                             .gs_base = special.gs.base,
                             .cr0 = special.cr0,
                             .cr2 = special.cr2,
                             .cr3 = special.cr3,
                             .cr4 = special.cr4,
                             .efer = special.efer};
    for (std::size_t n = 0; n < general_registers.size(); ++n)
        registers.general[n] = general.*general_registers[n];
    read_vectors(processors_[processor], registers);
    return registers;
}

bool KvmDebugTarget::set_registers(unsigned processor, DebugRegisters const& registers) {
    DebugRegisters const before = this->registers(processor);
    if (registers.selectors != before.selectors) return false;
    bool const same_vectors = registers.x87 == before.x87 &&
                              registers.x87_state == before.x87_state &&
                              registers.xmm == before.xmm && registers.mxcsr == before.mxcsr;
    if (!same_vectors && !write_vectors(processors_[processor], registers)) return false;
    auto general = processors_[processor].registers();
    for (std::size_t n = 0; n < general_registers.size(); ++n)
        general.*general_registers[n] = registers.general[n];
    general.rip = registers.rip;
    general.rflags = registers.eflags;
    processors_[processor].set_registers(general);

    auto special = processors_[processor].special_registers();
    special.fs.base = registers.fs_base;
    special.gs.base = registers.gs_base;
    special.cr0 = registers.cr0;
    special.cr2 = registers.cr2;
    special.cr3 = registers.cr3;
    special.cr4 = registers.cr4;
    special.efer = registers.efer;
    try {
        processors_[processor].set_special_registers(special);
    } catch (std::exception const&) {
        return false;
    }
    return true;
}

/// `action(gpa, first, bytes)` for each page's part, as for_each_linear_page() has it.
template <class Action>
std::size_t KvmDebugTarget::access(unsigned processor, Gva gva, std::size_t bytes,
                                   Action const& action) {
    RamWords words{ram_};
    return for_each_linear_page(paging_of(processors_[processor].special_registers()), gva, bytes,
                                words, action);
}

std::size_t KvmDebugTarget::read_memory(unsigned processor, Gva gva, std::span<std::byte> to) {
    return access(processor, gva, to.size(),
                  [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
                      auto const part = to.subspan(first, bytes);
                      if (!ram_.read(gpa, part)) return false;
                      breakpoints_.hide(gpa, part);
                      return true;
                  });
}

std::size_t KvmDebugTarget::write_memory(unsigned processor, Gva gva,
                                         std::span<std::byte const> from) {
    return access(processor, gva, from.size(),
                  [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
                      auto const part = from.subspan(first, bytes);
                      std::vector<std::byte> covered(part.begin(), part.end());
                      breakpoints_.cover(gpa, covered);
                      return ram_.write(gpa, covered).has_value();
                  });
}

bool KvmDebugTarget::set_breakpoint(unsigned processor, Breakpoint const& breakpoint) {
    RamWords words{ram_};
    auto const paging = paging_of(processors_[processor].special_registers());
    return breakpoints_.set(breakpoint, translate_linear(paging, breakpoint.gva, words));
}

bool KvmDebugTarget::remove_breakpoint(Breakpoint const& breakpoint) {
    return breakpoints_.remove(breakpoint);
}

bool KvmDebugTarget::is_at_own_int3(unsigned processor) const {
    return own_int3_[processor] == processors_[processor].registers().rip;
}

void KvmDebugTarget::resume(std::span<ResumeKind const> kinds) {
    auto const goes_on = [&](DebugStop const& stop) {
        return kinds[stop.processor] != ResumeKind::stay;
    };
    if (auto const next = std::ranges::find_if(waiting_, goes_on); next != waiting_.end()) {
        std::rotate(waiting_.begin(), next, next + 1);
        return gate_.tell();
    }
    for (unsigned n = 0; n < kinds.size(); ++n) {
        if (kinds[n] == ResumeKind::stay) continue;
        // A processor that KVM can't debug goes on without.
        (void)breakpoints_.apply(processors_[n], {.step = kinds[n] == ResumeKind::step,
                                                  .deliver_int3 = is_at_own_int3(n)});
        own_int3_[n].reset();
    }
    gate_.open(kinds);
}

void KvmDebugTarget::let_go() {
    breakpoints_.remove_all();
    waiting_.clear();
    resume(std::vector(processors_.size(), ResumeKind::run));
}

DebugStop KvmDebugTarget::take_stop() {
    bool first = true;
    for (auto const& event : gate_.take_events()) {
        auto const hit = event.reason == DebugStop::Reason::trap ? breakpoints_.hit_by(event.exit)
                                                                 : std::nullopt;
        bool const is_int3 = event.exit.exception == exception::breakpoint;
        // Of those behind the first, what an instruction has yet to do is come to again.
        bool const comes_again = is_int3 || (hit && !watches_data(hit->kind));
        if (first || !comes_again)
            waiting_.push_back({event.reason, event.exit_status, event.processor, hit});
        if (first && is_int3 && !hit) own_int3_[event.processor] = event.exit.pc;
        first = false;
    }
    DebugStop const stop = waiting_.front();
    waiting_.pop_front();
    return stop;
}

} // namespace twofold::vmm::kvm
