#include "kvm/guest_view.hpp"

#include "kvm/ram_words.hpp"
#include "kvm/record_line.hpp"

#include <twofold/abi/table_records.hpp>
#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>
#include <twofold/paging/walk.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace twofold::vmm::kvm {

namespace {

/// The registers that the processor keeps of a PAE guest's top table, as CR3's memory has them.
X86PaeFormat<Gva, Gpa>::Root pae_root(GuestRam const& ram, Gpa table) {
    std::array<std::byte, 32> bytes{};
    (void)ram.read(table, bytes);
    auto const words = std::bit_cast<std::array<std::uint64_t, 4>>(bytes);
    return {words[0], words[1], words[2], words[3]};
}

/// Calls `action(format, root)` with what the control registers say of the guest's paging.
template <class Action>
auto with_paging(kvm_sregs const& registers, GuestRam const& ram, Action&& action) {
    bool const execute_disable = (registers.efer & efer::execute_disable_enable) != 0;
    if ((registers.cr0 & cr0::paging) == 0) return action(NoPagingFormat<Gva, Gpa>{}, Gpa{});
    if ((registers.efer & efer::long_mode_active) != 0) {
        Gpa const root{registers.cr3 & X86Entry::address_mask};
        if ((registers.cr4 & cr4::linear_addresses_57) != 0) {
            X86Format<Gva, Gpa, 5> format;
            format.execute_disable = execute_disable;
            return action(format, root);
        }
        X86Format<Gva, Gpa, 4> format;
        format.execute_disable = execute_disable;
        return action(format, root);
    }
    if ((registers.cr4 & cr4::physical_address_extension) != 0) {
        X86PaeFormat<Gva, Gpa> format;
        format.execute_disable = execute_disable;
        return action(format, pae_root(ram, Gpa{registers.cr3 & mask(31, 5)}));
    }
    X86Format32<Gva, Gpa> format;
    format.page_size_extension = (registers.cr4 & cr4::page_size_extensions) != 0;
    return action(format, Gpa{registers.cr3 & mask(31, 12)});
}

} // namespace

bool GuestView::is_usable(Gva gva) const {
    bool const long_mode = (registers_.efer & efer::long_mode_active) != 0;
    if (!long_mode || registers_.cs.l == 0) return true;
    return is_canonical(gva, linear_bits(mode()));
}

std::optional<Gpa> GuestView::translate(Gva gva) const {
    if (!is_usable(gva)) return std::nullopt;
    return with_paging(registers_, ram_,
                       [&](auto const& format, auto const& root) -> std::optional<Gpa> {
                           RamWords words{ram_};
                           auto const found = twofold::walk(format, root, gva, words);
                           if (!found) return std::nullopt;
                           return found->address;
                       });
}

template <class Move>
bool GuestView::in_pages(Gva gva, std::size_t bytes, Move&& move) const {
    for (std::size_t done = 0; done < bytes;) {
        Gva const at = gva + done;
        auto const gpa = translate(at);
        std::size_t const length = std::min<std::size_t>(bytes - done, 4096 - at.offset_in(4096));
        if (!gpa || !move(*gpa, done, length)) return false;
        done += length;
    }
    return true;
}

bool GuestView::read(Gva gva, std::span<std::byte> to) const {
    return in_pages(gva, to.size(), [&](Gpa gpa, std::size_t done, std::size_t length) {
        return ram_.read(gpa, to.subspan(done, length)).has_value();
    });
}

bool GuestView::write(Gva gva, GuestRam& ram, std::span<std::byte const> from) const {
    return in_pages(gva, from.size(), [&](Gpa gpa, std::size_t done, std::size_t length) {
        return ram.write(gpa, from.subspan(done, length)).has_value();
    });
}

std::expected<NestedTranslation, NestedFault>
GuestView::walk(Gva gva, SlotTables& slot,
                std::function<void(Reference const&)> const& observe) const {
    if (!is_usable(gva)) {
        // As of a root that leads nowhere.
        return std::unexpected(NestedFault{.dimension = Dimension::guest,
                                           .reason = WalkFaultReason::not_present,
                                           .level = levels_of(mode()) + 1,
                                           .bits = 0,
                                           .gpa = Gpa{},
                                           .during_walk = true});
    }
    return with_paging(registers_, ram_, [&](auto const& format, auto const& root) {
        return walk_nested(format, root, gva, slot.dimension(), observe);
    });
}

PagingMode GuestView::mode() const {
    return with_paging(registers_, ram_,
                       []<class Format>(Format const&, auto const&) { return Format::mode; });
}

void GuestView::report_tables(std::uint64_t guest, SlotTables& slot,
                              std::function<void(std::string)> const& put) const {
    with_paging(registers_, ram_, [&](auto const& format, auto const& root) {
        abi::record_tables(guest, format, root, slot.dimension(),
                           [&](auto&& write) { put(line_of(write)); });
    });
}

} // namespace twofold::vmm::kvm
