//! What becomes of the actions: edits for the host, in their order, and for those that need values, programs that find them.
//!
//! A program tracks some attributes: those whose values are read, and those that are renamed or copied to one of them. Attributes that
//! never meet, in a copy or a rename, are in programs of their own, so that two of many values each do not make a dictionary
//! entry for every pair. A program's steps are all actions that touch what it tracks.

use otelier_sdk::{Attribute, When};

use crate::editing::action::{Action, renamed};

/// What of the contract programs may use.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// `values_of` columns: rows without a code are played from these.
    pub columns: usize,
    /// Keyings, at least 1.
    pub keyings: usize,
}

/// What to do with a batch.
#[derive(Debug)]
pub struct Plan {
    pub edits: Vec<Edit>,
    pub programs: Vec<Program>,
}

/// One edit of the host.
#[derive(Debug)]
pub enum Edit {
    /// Of all rows alike.
    Plain(Action),
    /// Of the rows for which a program has a value.
    Values { program: usize, output: usize, target: Attribute, when: When },
}

/// Finds the values of some actions from those that the tracked attributes have at first.
#[derive(Debug)]
pub struct Program {
    pub tracked: Vec<Attribute>,
    pub steps: Vec<Step>,
    /// How many values it finds.
    pub outputs: usize,
}

/// An action as a program sees it; slots are places in `tracked`.
#[derive(Debug)]
pub enum Step {
    Set {
        slot: usize,
        when: When,
        value: Vec<u8>,
    },
    Remove {
        slot: usize,
    },
    Rename {
        from: usize,
        to: usize,
    },
    /// Within a level.
    Copy {
        from: usize,
        to: usize,
        when: When,
    },
    /// From one level to another. Its value is the next output. What is copied to is tracked or not.
    Fetch {
        from: usize,
        to: Option<usize>,
        when: When,
    },
    /// Its value is the next output.
    Hash {
        slot: usize,
    },
}

/// The plan for a list of actions; `None` where they need the attributes of a level as a whole.
pub fn plan(actions: &[Action], room: Room) -> Option<Plan> {
    let tracked = tracked(actions);
    // A value of the request is another one with each batch, and what was played before would be wrong.
    let is_mixed = !tracked.is_empty() && actions.iter().any(Action::needs_context);
    if is_mixed || tracked.len() > room.columns || actions.iter().any(Action::needs_sets) {
        return None;
    }
    let mut programs = programs(actions, &tracked, room.keyings);
    let edits = actions.iter().map(|action| edit(action.clone(), &mut programs)).collect();
    Some(Plan { edits, programs })
}

/// The attributes whose values at first must be known.
fn tracked(actions: &[Action]) -> Vec<Attribute> {
    let mut tracked: Vec<Attribute> = Vec::new();
    let add = |attribute: &Attribute, tracked: &mut Vec<Attribute>| {
        if !tracked.contains(attribute) {
            tracked.push(attribute.clone());
        }
    };
    actions.iter().filter_map(Action::read).for_each(|attribute| add(attribute, &mut tracked));
    // A rename or a copy brings its attribute in if it leads to one that is tracked, perhaps by another one.
    loop {
        let before = tracked.len();
        for action in actions {
            if let Some((from, to)) = action.moves()
                && tracked.contains(&to)
            {
                add(&from, &mut tracked);
            }
        }
        if tracked.len() == before {
            return tracked;
        }
    }
}

/// Programs without steps, with what each tracks.
fn programs(actions: &[Action], tracked: &[Attribute], programs_max: usize) -> Vec<Program> {
    let place = |attribute: &Attribute| tracked.iter().position(|known| known == attribute);
    let mut groups: Vec<usize> = (0..tracked.len()).collect();
    for action in actions {
        let (a, b) = match action {
            Action::Copy { source, target, .. } => (place(source), place(target)),
            Action::Rename { target, key } => (place(target), place(&renamed(target, key))),
            _ => (None, None),
        };
        if let (Some(a), Some(b)) = (a, b) {
            let (from, to) = (groups.get(b).copied(), groups.get(a).copied().unwrap_or_default());
            groups.iter_mut().filter(|group| Some(**group) == from).for_each(|group| *group = to);
        }
    }
    let mut names: Vec<usize> = Vec::new();
    let mut programs: Vec<Program> = Vec::new();
    for (attribute, group) in tracked.iter().zip(groups) {
        let number = names.iter().position(|name| *name == group).unwrap_or_else(|| {
            names.push(group);
            names.len() - 1
        });
        // What finds no keying of its own shares the last one.
        let number = number.min(programs_max.saturating_sub(1));
        if number == programs.len() {
            programs.push(Program { tracked: Vec::new(), steps: Vec::new(), outputs: 0 });
        }
        if let Some(program) = programs.get_mut(number) {
            program.tracked.push(attribute.clone());
        }
    }
    programs
}

impl Program {
    fn slot(&self, attribute: &Attribute) -> Option<usize> {
        self.tracked.iter().position(|known| known == attribute)
    }

    /// The number of the value that the step added last finds.
    fn output(&mut self) -> usize {
        self.outputs += 1;
        self.outputs - 1
    }
}

/// Where an attribute is tracked.
fn find(programs: &[Program], attribute: &Attribute) -> Option<(usize, usize)> {
    programs.iter().enumerate().find_map(|(number, program)| Some((number, program.slot(attribute)?)))
}

/// Adds an action to the program it matters to, and says what the host does.
fn edit(action: Action, programs: &mut [Program]) -> Edit {
    let found = match &action {
        Action::Copy { source, .. } => find(programs, source),
        Action::Set { target, .. }
        | Action::Remove { target }
        | Action::Rename { target, .. }
        | Action::Hash { target } => find(programs, target),
        _ => None,
    };
    let Some((number, slot)) = found else {
        return Edit::Plain(action);
    };
    let Some(program) = programs.get_mut(number) else {
        return Edit::Plain(action);
    };
    match &action {
        Action::Set { when, value, .. } => program.steps.push(Step::Set { slot, when: *when, value: value.clone() }),
        Action::Remove { .. } => program.steps.push(Step::Remove { slot }),
        Action::Rename { target, key } => program.steps.push(match program.slot(&renamed(target, key)) {
            Some(to) => Step::Rename { from: slot, to },
            None => Step::Remove { slot },
        }),
        Action::Copy { source, target, when } if source.level == target.level => {
            if let Some(to) = program.slot(target) {
                program.steps.push(Step::Copy { from: slot, to, when: *when });
            }
        }
        Action::Copy { target, when, .. } => {
            let to = program.slot(target);
            program.steps.push(Step::Fetch { from: slot, to, when: *when });
            return Edit::Values { program: number, output: program.output(), target: target.clone(), when: *when };
        }
        Action::Hash { target } => {
            program.steps.push(Step::Hash { slot });
            return Edit::Values {
                program: number,
                output: program.output(),
                target: target.clone(),
                when: When::Always,
            };
        }
        // Those are no part of a plan with programs.
        _ => {}
    }
    Edit::Plain(action)
}
