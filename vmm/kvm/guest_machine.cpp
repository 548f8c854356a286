#include "kvm/guest_machine.hpp"

#include "kvm/guest_loading.hpp"
#include "kvm/kernel_statistics.hpp"
#include "kvm/ticks.hpp"
#include "kvm/torn_memory.hpp"
#include "system/failure.hpp"

#include <twofold/device/mp_table.hpp>
#include <twofold/load/pc_memory_map.hpp>

#include <fmt/format.h>

#include <vector>

namespace twofold::vmm::kvm {

GuestMachine::GuestMachine(GuestPlan const& plan, RunOptions const& options, GuestIdentity identity)
    : who(std::move(identity)), page(plan.guest_page) {
    ram.emplace(GuestRam::zeroed(plan.memory_bytes, plan.host_page,
                                 options.host_memory.value_or(host_memory_for(plan.host_page))));
}

GuestMachine::GuestMachine(std::shared_ptr<Template const> from, PageSize guest_page,
                           GuestIdentity identity)
    : who(std::move(identity)), page(guest_page), origin(std::move(from)), seen(origin),
      ram(origin->map()) {
    if (origin->snapshot() != nullptr) outlive_torn_pages(ram->bytes());
}

namespace {

/// What the firmware of a PC leaves in memory, where there is so much.
template <class Ram>
void leave_tables(Ram& ram, std::uint64_t memory_bytes, BoardOptions const& options) {
    if (!options.pc || memory_bytes < pc::extended_begin) return;
    (void)ram.write(MpTable::place, MpTable{options.processors}.bytes());
}

/// Has first touches answered by our own handler, if the kernel lets us.
std::expected<void, std::string> answer_faults(GuestMachine& guest, RunOptions const& options) {
    auto userfault = FaultHandler::open_userfault();
    if (!userfault) return std::unexpected(userfault.error());
    PageSource contents{.image = std::move(guest.image),
                        .window = options.fault_window,
                        .limit = options.frame_limit,
                        .on_short = [&guest](std::string const& reason) {
                            guest.group->request_stop({"out_of_frames", 1, reason});
                        }};
    if (guest.origin) {
        guest.source = std::move(guest.ram);
        guest.ram.emplace(GuestRam::zeroed(guest.source->bytes().size(), page_4k));
        contents.contents = guest.source->bytes();
        guest.seen.reset();
    }
    guest.faults = std::make_unique<FaultHandler>(std::move(*userfault), guest.ram->bytes(),
                                                  std::move(contents));
    return {};
}

} // namespace

std::expected<BootState, std::string>
GuestMachine::load(GuestPlan const& plan, BoardOptions const& options, bool leave_in_file) {
    std::uint64_t const memory_bytes = ram->bytes().size();
    if (!leave_in_file) {
        auto const loaded = load_into(*ram, plan);
        if (loaded) leave_tables(*ram, memory_bytes, options);
        return loaded;
    }
    ImageRam partly{*ram, plan.elf};
    auto const loaded = load_into(partly, plan);
    if (!loaded) return loaded;
    leave_tables(partly, memory_bytes, options);
    // The plan need not live as long as the guest.
    image_file = plan.elf;
    for (auto const& part : partly.left()) {
        auto const at = static_cast<std::size_t>(part.bytes.data() - plan.elf.data());
        image.push_back({part.gpa, std::span{image_file}.subspan(at, part.bytes.size())});
    }
    return loaded;
}

std::string GuestMachine::arrange_memory(abi::Populate populate, RunOptions const& options) {
    bool const restored = origin && origin->snapshot() != nullptr;
    std::string const from = !origin ? "" : restored ? ", from a snapshot" : ", from a template";
    if (populate == abi::Populate::eager) {
        ram->populate();
        return "eager" + from;
    }
    std::string words = restored ? from.substr(2) : "lazy, by the kernel" + from;
    if (options.lazy_by == LazyBy::userfault) {
        auto const answered = answer_faults(*this, options);
        if (answered)
            return fmt::format("lazy{}, by userfaultfd, {} pages a fault", from,
                               options.fault_window);
        if (options.frame_limit)
            throw Failure{"--frames-limit: it takes a handler of our own, and " + answered.error()};
        for (auto const& part : image)
            (void)ram->write(Gpa{part.gpa}, part.bytes);
        words += ": " + answered.error();
    }
    if (!restored) return words;
    auto const pages = origin->snapshot()->touched_pages();
    prefetch(*ram, pages);
    return fmt::format("{}, {} pages beforehand", words, pages.size());
}

std::optional<std::uint64_t> GuestMachine::release(Gpa first, std::uint64_t pages) {
    std::uint64_t const memory_pages = ram->bytes().size() / page_4k.bytes();
    std::uint64_t const number = first.value() / page_4k.bytes();
    if (number > memory_pages || pages > memory_pages - number) return std::nullopt;
    if (memory_calls) memory_calls->note_release(first, pages);
    if (dirty_log) dirty_log->note_release(first, pages);
    return faults && faults->limits_frames() ? faults->release(number, pages)
                                             : ram->release(first, pages);
}

void GuestMachine::begin_from_template(Device const& device) {
    origin = seen = std::make_shared<Template const>(*ram, freeze(device));
    ram = origin->map();
}

void GuestMachine::debug_by(std::shared_ptr<GdbServer> server) {
    auto const kill = [this] { group->request_stop({"killed", 1, "the debugger ended it"}); };
    auto const kick = [this](std::size_t processor) { group->kick(processor); };
    debugger.emplace(std::move(server), machine->processors, *ram, kick, kill);
    group->debug(debugger->gate());
}

void GuestMachine::go_on() {
    machine->go_on_from(origin->head());
    board->set_state(origin->head().board);
}

SnapshotHead GuestMachine::freeze(Device const& device) {
    if (memory_calls) memory_calls->settle();
    SnapshotHead head{.name = who.name,
                      .memory_bytes = ram->bytes().size(),
                      .guest_page_shift = static_cast<std::uint8_t>(page.shift()),
                      .board = board->state()};
    machine->freeze(device, head, head.board.pc.has_value());
    return head;
}

std::shared_ptr<Template const> GuestMachine::share(Device const& device) {
    std::vector<std::uint64_t> elsewhere;
    if (faults) elsewhere = faults->pages_elsewhere();
    auto const frozen = std::make_shared<Template const>(
        *ram, freeze(device), faults ? origin.get() : seen.get(), elsewhere);
    if (faults || ram->page() != page_4k) return frozen;
    frozen->map_over(*ram);
    seen = frozen;
    return frozen;
}

std::uint64_t GuestMachine::put_back(PageMap const& map) {
    if (memory_calls) memory_calls->settle();
    memory_calls.reset();
    std::uint64_t const own = faults ? ram->resident_pages() : ram->private_pages(map);
    std::uint64_t const begun = read_ticks();
    if (faults) {
        faults->start_over();
    } else if (seen != origin) {
        origin->map_over(*ram);
        seen = origin;
    } else {
        ram->discard();
    }
    go_on();
    resets.count(own, read_ticks() - begun);
    return own;
}

std::optional<std::string> GuestMachine::why_torn() const {
    auto const* const snapshot = origin ? origin->snapshot() : nullptr;
    return snapshot != nullptr ? snapshot->why_torn() : std::nullopt;
}

Figures GuestMachine::figures(PageMap const& map, bool asked) const {
    auto const& unknown = board->unknown();
    // Where a guest was broken off is said in any case.
    bool const by_itself = end_reason == "exit" || end_reason == "halt";
    Figures figures{
        .rip = asked || !by_itself ? machine->processors[group->ended_by()].registers().rip : 0,
        .ticks = group->ticks(),
        .exits = group->exits(),
        .unknown_ports = unknown.ports(),
        .unknown_mmio = unknown.memory(),
        .unknown_places = unknown.places(),
        .faults = {},
        .kernel = {}};
    if (resets.resets != 0) figures.resets = resets;
    if (faults) {
        faults->stop();
        figures.faults = faults->statistics();
        figures.reclaimed = faults->reclaimed();
    }
    if (!asked) return figures;
    figures.memory_frames = seen ? ram->private_pages(map) : ram->resident_pages();
    if (memory_calls) figures.memory_frames += memory_calls->frames_elsewhere();
    if (seen) figures.shared_frames = ram->shared_pages(map);
    add_kernel_statistics(machine->machine.get(), figures.kernel);
    for (auto const& processor : machine->processors)
        add_kernel_statistics(processor.get(), figures.kernel);
    return figures;
}

} // namespace twofold::vmm::kvm
