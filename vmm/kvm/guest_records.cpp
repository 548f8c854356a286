#include "kvm/guest_records.hpp"

#include <twofold/abi/json_line.hpp>

namespace twofold::vmm::kvm {

namespace {

using abi::hex;

/// One guest a machine.
constexpr std::uint64_t only_guest = 0;

struct Text {
    std::string text;
    void operator()(std::string_view piece) { text += piece; }
};

/// What `write(line)` makes of a line, without its newline.
template <class Write>
std::string line_of(Write&& write) {
    Text text;
    {
        abi::JsonLine line{text};
        write(line);
    }
    text.text.pop_back();
    return std::move(text.text);
}

std::string_view text_of(Dimension dimension) {
    return dimension == Dimension::guest ? "guest" : "ept";
}

std::string_view text_of(WalkFaultReason reason) {
    switch (reason) {
    case WalkFaultReason::not_present: return "not_present";
    case WalkFaultReason::malformed: return "malformed";
    case WalkFaultReason::unreadable: return "unreadable";
    case WalkFaultReason::denied: return "denied";
    }
    return "";
}

template <class Line>
void put_counts(Line& line, std::string_view key,
                std::map<std::string, std::uint64_t> const& counts) {
    auto object = line.object(key);
    for (auto const& [name, count] : counts)
        object(name, count);
}

template <class Line>
void put_places(Line& line, std::map<std::string, UnknownUses> const& places) {
    if (places.empty()) return;
    auto list = line.array("unknown_places");
    for (auto const& [place, uses] : places)
        list.object()("place", place)("reads", uses.reads)("writes", uses.writes);
}

template <class Line>
void put_faults(Line& line, FaultStatistics const& faults) {
    line.object("violations")("read", faults.reads)("write", faults.writes)(
        "execute", std::uint64_t{0})("during_walk", std::uint64_t{0})("ticks", faults.ticks)(
        "ticks_min", faults.faults() == 0 ? 0 : faults.ticks_min)("ticks_max", faults.ticks_max);
    if (faults.faults() == 0) return;
    line("fault_pages", faults.pages);
    auto histogram = line.array("fault_histogram");
    for (std::size_t n = 0; n < faults.histogram.size(); ++n) {
        if (faults.histogram[n] == 0) continue;
        histogram.object()("ticks_from", std::uint64_t{1} << n)("faults", faults.histogram[n]);
    }
}

} // namespace

std::string boot_record(std::string_view processor, std::uint64_t memory_bytes,
                        std::vector<std::pair<std::string_view, std::uint64_t>> const& phases) {
    return line_of([&](auto& line) {
        line("record", "boot")("processor", processor)("memory_bytes", memory_bytes);
        auto list = line.array("phases");
        for (auto const& [name, ticks] : phases)
            list.object()("name", name)("ticks", ticks);
    });
}

std::string start_record(GuestPlan const& plan, std::string_view populate,
                         std::uint64_t ticks_to_entry) {
    return line_of([&](auto& line) {
        line("record", "guest_start")("guest", only_guest)("name", plan.name())("memory_bytes",
                                                                                plan.memory_bytes)(
            "guest_page", hex(plan.guest_page.bytes()))("host_page", hex(plan.host_page.bytes()))(
            "populate", populate)("native", false)("ticks_to_entry", ticks_to_entry);
    });
}

std::string walk_record(Gva gva, std::vector<Reference> const& references,
                        std::expected<NestedTranslation, NestedFault> const& result) {
    return line_of([&](auto& line) {
        line("record", "walk")("guest", only_guest)("gva", hex(gva));
        if (result) {
            line("gpa", hex(result->gpa))("hpa", hex(result->hpa))(
                "page_size", hex(result->page_size().bytes()))(
                "guest_page", hex(result->guest_page.bytes()))("host_page",
                                                               hex(result->host_page.bytes()));
        }
        line("native", false);
        {
            auto list = line.array("references");
            for (Reference const& reference : references) {
                auto object = list.object();
                object("dimension", text_of(reference.dimension))("level",
                                                                  std::uint32_t{reference.level})(
                    "address", hex(reference.address))("entry", hex(reference.entry));
                if (reference.dimension == Dimension::guest) object("gpa", hex(reference.gpa));
            }
        }
        if (result) return;
        NestedFault const& fault = result.error();
        line.object("fault")("dimension", text_of(fault.dimension))(
            "level", std::uint32_t{fault.level})("reason", text_of(fault.reason));
    });
}

std::string figure_record(std::string_view name, std::uint64_t ticks) {
    return line_of([&](auto& line) {
        line("record", "figure")("guest", only_guest)("name", name)("unit", "ticks")("value",
                                                                                     ticks);
    });
}

std::string stop_record(std::string_view name, Stop const& stop, Figures const& figures) {
    return line_of([&](auto& line) {
        line("record", "guest_stop")("guest", only_guest)("name", name)("reason", stop.reason)(
            "code", std::uint32_t{stop.code})("message", stop.message)("rip", hex(figures.rip))(
            "ticks", figures.ticks);
        put_counts(line, "exits", figures.exits);
        line.object("policy")("unknown_ports", figures.unknown_ports)("unknown_mmio",
                                                                      figures.unknown_mmio);
        put_places(line, figures.unknown_places);
        line.object("frames")("memory", figures.memory_frames)("tables", std::uint64_t{0});
        put_faults(line, figures.faults);
        put_counts(line, "kernel", figures.kernel);
    });
}

std::string load_error_record(std::string_view name, std::string_view message) {
    return line_of([&](auto& line) {
        line("record", "guest_stop")("guest", only_guest)("name", name)("reason", "load_error")(
            "code", 1U)("message", message);
    });
}

std::string end_record() {
    // The guest's memory is gone with its mapping before this is said.
    return line_of([](auto& line) { line("record", "end")("frames_in_use", std::uint64_t{0}); });
}

} // namespace twofold::vmm::kvm
