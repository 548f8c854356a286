// A guest under KVM and its clones, from its loading to the last record: one thread for each
// processor.
#pragma once

#include "engine/engine.hpp"
#include "kvm/clone_process.hpp"
#include "kvm/guests.hpp"

#include <deque>
#include <memory>
#include <optional>

namespace twofold::vmm::kvm {

class Stopwatch;

class GuestRun final : public Run {
  public:
    /// Throws Failure, before the guest has run, for what can't be run here.
    GuestRun(GuestPlan const& plan, RunOptions const& options, Sinks sinks, EventLoop& loop);
    ~GuestRun() override;
    GuestRun(GuestRun const&) = delete;
    GuestRun& operator=(GuestRun const&) = delete;

    [[nodiscard]] bool finished() const override { return ended_.has_value(); }
    [[nodiscard]] std::optional<Clock::time_point> deadline() const override;
    void tick() override;
    [[nodiscard]] Ending ending() override;

  private:
    /// This process was made for one clone.
    [[nodiscard]] bool is_clone() const { return options_.number != 0; }
    [[nodiscard]] GuestIdentity identity(GuestPlan const& plan) const;
    /// The guest is frozen before it runs, for others are made of it, or it is put back.
    [[nodiscard]] bool again(GuestPlan const& plan) const {
        return options_.runs > 1 || plan.clones > 0;
    }
    void prepare(GuestPlan const& plan);
    /// The loaded or restored guest with its machine; nothing when it can't be loaded.
    std::unique_ptr<GuestMachine> make_first(GuestPlan const& plan, Stopwatch& watch);
    void start_first(GuestMachine& guest);
    /// Each in a process of its own; before any thread was started.
    void start_processes(GuestMachine& guest, GuestPlan const& plan);
    void on_outbox();
    void take_results();
    void on_process(CloneProcess& process);
    void finish_if_all_ended();
    void keep_results(GuestMachine& guest);

    RunOptions options_;

    Sinks sinks_;
    EventLoop& loop_;
    Clock::time_point started_ = Clock::now();
    std::optional<Clock::time_point> ended_;
    std::optional<Clock::time_point> deadline_;
    /// When to see what the guest has printed, announced or not.
    std::optional<Clock::time_point> look_at_;
    Outbox outbox_;
    Errands errands_;
    std::optional<Guests> guests_;
    std::deque<CloneProcess> processes_;
    bool own_ended_ = false;
    bool told_to_stop_ = false;
};

} // namespace twofold::vmm::kvm
