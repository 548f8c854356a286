#include "report/walk_text.hpp"

#include "report/page_size_name.hpp"
#include "report/table.hpp"
#include "report/walk_fault_text.hpp"
#include "report/walk_shape.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

std::string number(std::size_t position) { return std::to_string(position + 1); }

/// The native walk's reference of the same level, if there is one.
record::WalkReference const* native_reference(record::Walk const* native, unsigned level) {
    if (native == nullptr) return nullptr;
    auto const found = std::ranges::find(native->references, level, &record::WalkReference::level);
    return found == native->references.end() ? nullptr : &*found;
}

/// What the step's second dimension translates.
std::string translated(record::Walk const& walk, WalkStep const& step) {
    if (!step.guest) return "final gpa";
    return std::string{level_name(Dimension::guest, walk.references[*step.guest].level)};
}

class WalkPrinter {
  public:
    WalkPrinter(record::Walk const& nested, record::Walk const* native, Style const& style)
        : nested_(nested), native_(native), style_(style), shape_(shape_of(nested)) {
        for (auto const& step : shape_.steps)
            if (step.ept.size() > deepest_.ept.size()) deepest_ = step;
    }

    std::string print() const {
        std::string text = heading();
        if (!nested_.native) text += grid() + '\n';
        return text + references() + totals();
    }

  private:
    auto guest_style() const {
        return [this](std::string_view text) { return style_.guest(text); };
    }
    auto host_style() const {
        return [this](std::string_view text) { return style_.host(text); };
    }
    auto faint_style() const {
        return [this](std::string_view text) { return style_.faint(text); };
    }

    std::string heading() const {
        std::string text = fmt::format("gva {:#x}", nested_.gva);
        if (nested_.fault)
            return style_.heading(
                       fmt::format("{}: no translation: {}", text, fault_text(nested_))) +
                   '\n';
        if (!nested_.native) text += fmt::format(" -> gpa {:#x}", *nested_.gpa);
        text += fmt::format(" -> hpa {:#x}", *nested_.hpa);
        text = style_.heading(text) + ", " + guest_page_text();
        if (nested_.host_page) {
            text +=
                fmt::format(" over {} EPT page: one TLB entry maps {}",
                            page_size_name(*nested_.host_page), page_size_name(*nested_.page_size));
        }
        return text + '\n';
    }

    std::string guest_page_text() const {
        if (nested_.mode == PagingMode::off) return std::string{paging_text(nested_.mode)};
        std::string const size = page_size_name(*nested_.guest_page);
        if (nested_.mode == PagingMode::four_level) return size + " guest page";
        return fmt::format("{} guest page of {}", size, paging_text(nested_.mode));
    }

    std::string grid() const {
        Table table;
        table.add(grid_heading());
        for (auto const& step : shape_.steps)
            table.add(grid_row(step));
        return table.render(2);
    }

    std::vector<Cell> grid_heading() const {
        std::vector<Cell> row{{""}};
        for (std::size_t const at : deepest_.ept) {
            auto const level = nested_.references[at].level;
            row.push_back({std::string{level_name(Dimension::ept, level)}, true, host_style()});
        }
        row.push_back({"guest entry", true, guest_style()});
        if (native_ != nullptr) row.push_back({"native", true, faint_style()});
        return row;
    }

    std::vector<Cell> grid_row(WalkStep const& step) const {
        std::vector<Cell> row{{translated(nested_, step), false, guest_style()}};
        for (std::size_t column = 0; column < deepest_.ept.size(); ++column) {
            bool const there = column < step.ept.size();
            row.push_back({there ? number(step.ept[column]) : "", true, host_style()});
        }
        row.push_back({step.guest ? number(*step.guest) : "", true, guest_style()});
        if (auto const* const native = native_of(step)) {
            row.push_back({number(native_position(native)), true, faint_style()});
        }
        return row;
    }

    record::WalkReference const* native_of(WalkStep const& step) const {
        if (!step.guest) return nullptr;
        return native_reference(native_, nested_.references[*step.guest].level);
    }
    std::size_t native_position(record::WalkReference const* reference) const {
        return static_cast<std::size_t>(reference - native_->references.data());
    }

    std::string references() const {
        Table table;
        std::vector<Cell> heading{{"#", true}, {"entry"}, {"at hpa"}, {"holds"}, {"which says"}};
        if (native_ != nullptr) {
            for (auto const* const title : {"native #", "at hpa", "holds"})
                heading.push_back({title, false, faint_style()});
        }
        table.add(std::move(heading));
        for (auto const& step : shape_.steps) {
            for (std::size_t const at : step.ept)
                table.add(reference_row(at));
            if (step.guest) table.add(guest_row(step));
        }
        return table.render(2);
    }

    std::vector<Cell> reference_row(std::size_t at) const {
        auto const& reference = nested_.references[at];
        bool const guest = reference.dimension == Dimension::guest;
        std::function<std::string(std::string_view)> colour =
            guest ? std::function<std::string(std::string_view)>{guest_style()} : host_style();
        return {{number(at), true},
                {std::string{level_name(reference.dimension, reference.level)}, false, colour},
                {fmt::format("{:#x}", reference.address)},
                {fmt::format("{:#x}", reference.entry)},
                {describe_entry(reference, nested_.mode)}};
    }

    std::vector<Cell> guest_row(WalkStep const& step) const {
        std::vector<Cell> row = reference_row(*step.guest);
        if (auto const* const native = native_of(step)) {
            row.push_back({number(native_position(native)), true, faint_style()});
            row.push_back({fmt::format("{:#x}", native->address), false, faint_style()});
            row.push_back({fmt::format("{:#x}", native->entry), false, faint_style()});
        }
        return row;
    }

    std::string totals() const {
        std::string text = fmt::format("  {} references{}", nested_.references.size(),
                                       nested_.native ? " natively" : "");
        if (!nested_.native) {
            text += fmt::format(" ({} of the guest's dimension, {} of EPT's)",
                                shape_.guest_references(),
                                nested_.references.size() - shape_.guest_references());
        }
        if (!nested_.fault) text += fmt::format("; {}", closed_form_text(nested_));
        if (native_ != nullptr) text += fmt::format("; natively {}", native_->references.size());
        return text + '\n';
    }

    record::Walk const& nested_;
    record::Walk const* native_;
    Style const& style_;
    WalkShape shape_;
    /// The step with the most references, one for each column of the grid.
    WalkStep deepest_;
};

} // namespace

std::string_view paging_text(PagingMode mode) {
    switch (mode) {
    case PagingMode::off: return "paging off";
    case PagingMode::bits_32: return "32-bit paging";
    case PagingMode::pae: return "PAE paging";
    case PagingMode::four_level: return "4-level paging";
    case PagingMode::five_level: return "5-level paging";
    }
    return "?";
}

std::string walk_text(record::Walk const& nested, record::Walk const* native, Style const& style) {
    return WalkPrinter{nested, native, style}.print();
}

} // namespace twofold::vmm
