#include "guest/permissions/probe.hpp"

#include "guest/kit/hypercall.hpp"
#include "guest/kit/memory.hpp"

namespace twofold::guest {

namespace {

constexpr std::uint64_t number_of(auto value) { return static_cast<std::uint64_t>(value); }

void make(abi::ProbedAccess access, Gva gva) {
    switch (access) {
    case abi::ProbedAccess::write: {
        // One that does not read.
        auto* const word = pointer_to<std::uint64_t volatile>(gva + 8);
        *word = gva.value();
        return;
    }
    case abi::ProbedAccess::execute:
        asm volatile("call *%0" : : "r"(gva.value()) : "memory");
        return;
    case abi::ProbedAccess::read:
    case abi::ProbedAccess::walk_read:
    case abi::ProbedAccess::walk_update: (void)*pointer_to<std::uint64_t volatile>(gva); return;
    }
}

} // namespace

std::optional<abi::ProbeOutcome> probe(Target const& target, EntryChange const& change,
                                       abi::ProbedAccess access) {
    for (;;) {
        std::uint64_t const refused =
            hypercall(number_of(abi::Hypercall::probe), target.page.value() + change.level,
                      change.cleared, change.set);
        if (refused != 0) return std::nullopt;
        make(access, target.gva);
        auto const outcome = static_cast<abi::ProbeOutcome>(
            hypercall(number_of(abi::Hypercall::probe_result), number_of(access)));
        if (outcome != abi::ProbeOutcome::disturbed) return outcome;
    }
}

} // namespace twofold::guest
