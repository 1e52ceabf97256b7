import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.javarosa.core.model.Constants;
import org.javarosa.core.model.FormDef;
import org.javarosa.core.model.FormIndex;
import org.javarosa.core.model.GroupDef;
import org.javarosa.core.model.IFormElement;
import org.javarosa.core.model.ItemsetBinding;
import org.javarosa.core.model.SelectChoice;
import org.javarosa.core.model.ValidateOutcome;
import org.javarosa.core.model.condition.EvaluationContext;
import org.javarosa.core.model.data.IAnswerData;
import org.javarosa.core.model.instance.FormInstance;
import org.javarosa.core.model.instance.TreeElement;
import org.javarosa.core.model.instance.TreeReference;
import org.javarosa.core.reference.Reference;
import org.javarosa.core.reference.ReferenceFactory;
import org.javarosa.core.reference.ReferenceManager;
import org.javarosa.form.api.FormEntryController;
import org.javarosa.form.api.FormEntryModel;
import org.javarosa.form.api.FormEntryPrompt;
import org.javarosa.model.xform.XFormSerializingVisitor;
import org.javarosa.test.Scenario;
import org.javarosa.xform.util.XFormAnswerDataParser;

/**
 * Fills forms with JavaRosa, told what to do over stdin: one request a line, its fields divided by tabs.
 *
 * <pre>
 * form FILE FOLDER        opens a form; attached lists are read from FOLDER
 * answer PATH TEXT        answers a question ("" empties it); the first line of the reply is the verdict
 * repeat PATH             adds an instance to a repeat, at its end
 * remove PATH             removes an instance, "visit[2]"
 * language NAME           goes on in another language
 * finish                  the instance as XML, and what its final check says
 * bench FILE FOLDER SCRIPT WARM WALKS     times walks over the answers in SCRIPT (lines PATH TAB TEXT)
 * load FILE FOLDER TIMES  times the reading of a form
 * </pre>
 *
 * A reply is any number of lines and ends with a line holding a single dot. Fields are escaped: \t \n \r \\.
 * After each step the whole form is told: "n PATH RELEVANT REQUIRED CONSTRAINT VALUE" for every leaf,
 * "q PATH LABEL" for every relevant question and "c PATH NAME LABEL" for each of its choices.
 */
public class Driver {
    private final PrintStream out;
    private Scenario scenario;
    /** The questions that were answered or skipped; a choice that is taken back leaves its question open again. */
    private final Set<String> answered = new HashSet<>();

    private Driver(PrintStream out) {
        this.out = out;
    }

    public static void main(String[] arguments) throws IOException {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err); // JavaRosa logs to it
        Driver driver = new Driver(out);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            try {
                driver.obey(line.split("\t", -1));
            } catch (Exception | StackOverflowError problem) {
                driver.say("error", problem.getClass().getSimpleName() + ": " + problem.getMessage());
            }
            out.println(".");
            out.flush();
        }
    }

    private void obey(String[] request) throws Exception {
        for (int i = 1; i < request.length; i++) request[i] = unescape(request[i]);
        switch (request[0]) {
            case "form":
                attach(request[2]);
                scenario = Scenario.init(new File(request[1]));
                answered.clear();
                say("opened");
                tell();
                break;
            case "answer":
                String verdict = answer(indexOf(request[1]), request[2]);
                if (verdict.equals("OK")) answered.add(request[1]);
                say(verdict);
                tell();
                break;
            case "repeat":
                addRepeat(request[1]);
                say("added");
                tell();
                break;
            case "remove":
                remove(request[1]);
                say("removed");
                tell();
                break;
            case "language":
                scenario.setLanguage(request[1]);
                say("switched");
                tell();
                break;
            case "finish":
                finish();
                break;
            case "bench":
                attach(request[2]);
                new Bench(new File(request[1]), new File(request[3])).run(
                    Integer.parseInt(request[4]), Integer.parseInt(request[5]));
                break;
            case "load":
                attach(request[2]);
                for (int i = Integer.parseInt(request[3]); i > 0; i--) {
                    long start = System.nanoTime();
                    Scenario.init(new File(request[1]));
                    say("load", Long.toString(System.nanoTime() - start));
                }
                break;
            default:
                throw new IllegalArgumentException("no such request: " + request[0]);
        }
    }

    // --- answering

    private FormDef form() {
        return scenario.getFormDef();
    }

    private FormEntryModel model() {
        return scenario.getFormEntryController().getModel();
    }

    private String answer(FormIndex index, String text) {
        FormEntryPrompt prompt = model().getQuestionPrompt(index);
        if (isChoice(prompt)) choices(prompt);
        int verdict = scenario.getFormEntryController().answerQuestion(index, typed(prompt, text), true);
        return Scenario.AnswerResult.from(verdict).name();
    }

    private static IAnswerData typed(FormEntryPrompt prompt, String text) {
        if (text.isEmpty()) return null;
        return XFormAnswerDataParser.getAnswerData(text, prompt.getDataType(), prompt.getQuestion());
    }

    private static boolean isChoice(FormEntryPrompt prompt) {
        int type = prompt.getControlType();
        return type == Constants.CONTROL_SELECT_ONE || type == Constants.CONTROL_SELECT_MULTI
            || type == Constants.CONTROL_RANK;
    }

    /**
     * The list as it is now. JavaRosa keeps the list it made last until a value that its filter reads changes;
     * it does not notice that such a value has ceased to apply. So what it keeps is thrown away first.
     */
    private static List<SelectChoice> choices(FormEntryPrompt prompt) {
        ItemsetBinding itemset = prompt.getQuestion().getDynamicChoices();
        if (itemset != null) {
            try {
                Field kept = ItemsetBinding.class.getDeclaredField("cachedFilteredChoiceList");
                kept.setAccessible(true);
                kept.set(itemset, null);
            } catch (ReflectiveOperationException problem) {
                throw new IllegalStateException(problem);
            }
        }
        return prompt.getSelectChoices();
    }

    /**
     * Reading a list clears choices that are no longer in it, but nothing is computed anew from that. We clear
     * at once, as an answer; to compare the rest, the same is done here: the old value is put back and what is
     * left of it is answered.
     */
    private void clearStaleChoices() {
        boolean changed = true;
        for (int rounds = 0; changed && rounds < 100; rounds++) {
            changed = false;
            for (FormIndex index : questions()) {
                if (!isRelevant(index)) continue;
                FormEntryPrompt prompt = model().getQuestionPrompt(index);
                if (!isChoice(prompt)) continue;
                TreeElement node = form().getMainInstance().resolveReference(index.getReference());
                IAnswerData before = node.getValue();
                String old = text(before);
                choices(prompt);
                IAnswerData left = node.getValue();
                if (text(left).equals(old)) continue;
                if (text(left).isEmpty()) left = null; // of several choices an empty list is left, and passes for an answer
                node.setValue(before);
                scenario.getFormEntryController().saveAnswer(index, left, true);
                answered.remove(pathOf(index.getReference(), true));
                changed = true;
                break;
            }
        }
    }

    /**
     * Gives one repeat with a count as many instances as it says; whether there was one to do so. JavaRosa itself
     * makes them when it is led there, reads the count of a question that does not apply, and takes none off. We take
     * off those at the end that nobody answered in; to compare the rest, the same is done here.
     */
    private boolean followCount() throws Exception {
        Map<String, Integer> instances = new HashMap<>();
        Map<String, Integer> wanted = new HashMap<>();
        for (FormIndex index = FormIndex.createBeginningOfFormIndex(); !index.isEndOfFormIndex();
             index = model().incrementIndex(index)) {
            IFormElement element = index.isInForm() ? form().getChild(index) : null;
            if (!(element instanceof GroupDef) || !((GroupDef) element).getRepeat()) continue;
            if (((GroupDef) element).getCountReference() == null || !model().isIndexRelevant(index)) continue;
            String path = pathOf(index.getReference(), false);
            int count = count((GroupDef) element, index);
            wanted.put(path, count);
            if (form().getMainInstance().resolveReference(index.getReference()) != null)
                instances.merge(path, 1, Integer::sum);
            else if (index.getTerminal().getInstanceIndex() < count) {
                add(index);
                return true;
            }
        }
        for (Map.Entry<String, Integer> repeat : instances.entrySet()) {
            int needed = Math.max(wanted.get(repeat.getKey()), lastAnswered(repeat.getKey()));
            if (repeat.getValue() <= needed) continue;
            remove(repeat.getKey() + "[" + repeat.getValue() + "]");
            return true;
        }
        return false;
    }

    private int count(GroupDef repeat, FormIndex index) {
        TreeReference reference = FormInstance.unpackReference(repeat.getCountReference());
        TreeElement node = form().getMainInstance().resolveReference(reference.contextualize(index.getReference()));
        if (node == null || !node.isRelevant() || node.getValue() == null) return 0;
        return Math.max((int) Double.parseDouble(text(node.getValue())), 0);
    }

    private int lastAnswered(String repeat) {
        int last = 0;
        for (String path : answered)
            if (path.startsWith(repeat + "["))
                last = Math.max(last, Integer.parseInt(path.substring(repeat.length() + 1, path.indexOf(']', repeat.length()))));
        return last;
    }

    private boolean isRelevant(FormIndex index) {
        return form().getMainInstance().resolveReference(index.getReference()).isRelevant();
    }

    private void addRepeat(String path) throws Exception {
        for (FormIndex index = FormIndex.createBeginningOfFormIndex(); !index.isEndOfFormIndex();
             index = model().incrementIndex(index)) {
            int event = model().getEvent(index);
            if (event == FormEntryController.EVENT_PROMPT_NEW_REPEAT
                && pathOf(index.getReference(), false).equals(path)) {
                add(index);
                return;
            }
        }
        throw new IllegalArgumentException("no repeat can be added at " + path);
    }

    private void add(FormIndex index) throws Exception {
        form().createNewRepeat(index);
        TreeElement instance = form().getMainInstance().resolveReference(form().getChildInstanceRef(index));
        for (TreeReference reference : inGroups(instance)) trigger(reference);
    }

    private void remove(String path) throws Exception {
        FormIndex index = groupIndexOf(path);
        TreeElement instance = form().getMainInstance().resolveReference(index.getReference());
        List<TreeReference> inGroups = inGroups(instance);
        form().deleteRepeat(index);
        for (TreeReference reference : inGroups) trigger(reference);
    }

    /**
     * What stands in groups of an instance. When an instance comes or goes, JavaRosa computes anew what reads the
     * questions right below the repeat and forgets those in groups (TriggerableDag.evaluateChildrenTriggerables).
     */
    private static List<TreeReference> inGroups(TreeElement instance) {
        List<TreeReference> found = new ArrayList<>();
        for (int i = 0; i < instance.getNumChildren(); i++) below(instance.getChildAt(i), found);
        return found;
    }

    private static void below(TreeElement parent, List<TreeReference> found) {
        for (int i = 0; i < parent.getNumChildren(); i++) {
            found.add(parent.getChildAt(i).getRef());
            below(parent.getChildAt(i), found);
        }
    }

    private void trigger(TreeReference changed) throws Exception {
        Field field = FormDef.class.getDeclaredField("dagImpl");
        field.setAccessible(true);
        Object rules = field.get(form());
        Method method = rules.getClass().getDeclaredMethod(
            "triggerTriggerables", FormInstance.class, EvaluationContext.class, TreeReference.class);
        method.setAccessible(true);
        method.invoke(rules, form().getMainInstance(), form().getEvaluationContext(), changed);
    }

    // --- finding

    private List<FormIndex> questions() {
        List<FormIndex> found = new ArrayList<>();
        for (FormIndex index = FormIndex.createBeginningOfFormIndex(); !index.isEndOfFormIndex();
             index = model().incrementIndex(index))
            if (index.isInForm() && model().getEvent(index) == FormEntryController.EVENT_QUESTION) found.add(index);
        return found;
    }

    private FormIndex indexOf(String path) {
        for (FormIndex index : questions()) if (pathOf(index.getReference(), true).equals(path)) return index;
        throw new IllegalArgumentException("no question at " + path);
    }

    private FormIndex groupIndexOf(String path) {
        for (FormIndex index = FormIndex.createBeginningOfFormIndex(); !index.isEndOfFormIndex();
             index = model().incrementIndex(index))
            if (index.isInForm() && model().getEvent(index) == FormEntryController.EVENT_REPEAT
                && pathOf(index.getReference(), true).equals(path)) return index;
        throw new IllegalArgumentException("no repeat instance at " + path);
    }

    /** A reference without the root element; instances of repeats are counted from 1. */
    private String pathOf(TreeReference reference, boolean numbered) {
        StringBuilder path = new StringBuilder();
        TreeElement node = form().getMainInstance().getRoot();
        for (int i = 1; i < reference.size(); i++) {
            if (i > 1) path.append('/');
            path.append(reference.getName(i));
            TreeElement next = node == null ? null : node.getChild(reference.getName(i), reference.getMultiplicity(i));
            boolean last = i == reference.size() - 1;
            if (next != null && next.isRepeatable() && (numbered || !last))
                path.append('[').append(reference.getMultiplicity(i) + 1).append(']');
            node = next;
        }
        return path.toString();
    }

    // --- telling

    private void tell() throws Exception {
        clearStaleChoices();
        for (int rounds = 0; rounds < 100 && followCount(); rounds++) clearStaleChoices();
        tellNodes(form().getMainInstance().getRoot(), "");
        for (FormIndex index : questions()) {
            if (!isRelevant(index)) continue;
            FormEntryPrompt prompt = model().getQuestionPrompt(index);
            String path = pathOf(index.getReference(), true);
            say("q", path, prompt.getQuestionText());
            if (!isChoice(prompt)) continue;
            for (SelectChoice choice : choices(prompt))
                say("c", path, choice.getValue(), prompt.getSelectChoiceText(choice));
        }
    }

    private void tellNodes(TreeElement parent, String above) {
        for (int i = 0; i < parent.getNumChildren(); i++) {
            TreeElement node = parent.getChildAt(i);
            if (node.getMult() == TreeReference.INDEX_TEMPLATE) continue;
            String path = above + node.getName() + (node.isRepeatable() ? "[" + (node.getMult() + 1) + "]" : "");
            if (node.isRepeatable()) say("r", path, node.isRelevant() ? "1" : "0");
            if (node.getNumChildren() > 0) {
                tellNodes(node, path + "/");
                continue;
            }
            if (node.isRepeatable()) continue;
            IAnswerData value = node.getValue();
            boolean holds = value == null || form().evaluateConstraint(node.getRef(), value);
            say("n", path, node.isRelevant() ? "1" : "0", node.isRequired() ? "1" : "0", holds ? "1" : "0",
                text(value));
        }
    }

    private static String text(IAnswerData value) {
        return value == null ? "" : value.uncast().getString();
    }

    private void finish() throws IOException {
        scenario.finalizeInstance();
        byte[] xml = new XFormSerializingVisitor().serializeInstance(form().getMainInstance());
        say("instance", new String(xml, StandardCharsets.UTF_8));
        ValidateOutcome outcome = scenario.getValidationOutcome();
        if (outcome == null) say("valid");
        else
            say("invalid", pathOf(outcome.failedPrompt.getReference(), true),
                Scenario.AnswerResult.from(outcome.outcome).name());
    }

    private void say(String... fields) {
        StringBuilder line = new StringBuilder();
        for (String field : fields) line.append(line.length() > 0 ? "\t" : "").append(escape(field));
        out.println(line);
    }

    private static String escape(String text) {
        if (text == null) return "";
        return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r");
    }

    private static String unescape(String text) {
        StringBuilder plain = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char letter = text.charAt(i);
            if (letter != '\\' || i + 1 == text.length()) {
                plain.append(letter);
                continue;
            }
            letter = text.charAt(++i);
            plain.append(letter == 't' ? '\t' : letter == 'n' ? '\n' : letter == 'r' ? '\r' : letter);
        }
        return plain.toString();
    }

    // --- attached lists

    private static void attach(String folder) {
        ReferenceManager manager = ReferenceManager.instance();
        manager.reset();
        manager.addReferenceFactory(new Attached(folder));
    }

    /** Every jr:// address is a file of that name in one folder. */
    private static class Attached implements ReferenceFactory {
        private final String folder;

        Attached(String folder) {
            this.folder = folder;
        }

        public boolean derives(String address) {
            return address.startsWith("jr://");
        }

        public Reference derive(String address) {
            return new AttachedFile(address, new File(folder, address.substring(address.lastIndexOf('/') + 1)));
        }

        public Reference derive(String address, String context) {
            return derive(address);
        }
    }

    private static class AttachedFile implements Reference {
        private final String address;
        private final File file;

        AttachedFile(String address, File file) {
            this.address = address;
            this.file = file;
        }

        public boolean doesBinaryExist() {
            return file.exists();
        }

        public InputStream getStream() throws IOException {
            return new FileInputStream(file);
        }

        public String getURI() {
            return address;
        }

        public String getLocalURI() {
            return file.getAbsolutePath();
        }

        public boolean isReadOnly() {
            return true;
        }

        public OutputStream getOutputStream() {
            return null;
        }

        public void remove() {
        }

        public Reference[] probeAlternativeReferences() {
            return new Reference[0];
        }
    }

    // --- timing

    /** One turn: on to the next relevant question, its list of choices, and the answer with all that follows. */
    private class Bench {
        private final File file;
        private final Map<String, String> script = new HashMap<>();
        private long spent;
        private int turns;

        Bench(File file, File answers) throws IOException {
            this.file = file;
            for (String line : java.nio.file.Files.readAllLines(answers.toPath(), StandardCharsets.UTF_8)) {
                String[] fields = line.split("\t", -1);
                script.put(fields[0], unescape(fields[1]));
            }
        }

        void run(int warm, int walks) throws Exception {
            scenario = Scenario.init(file);
            for (int i = 0; i < warm; i++) walk();
            for (int i = 0; i < walks; i++) {
                walk();
                say("walk", Integer.toString(turns), Long.toString(spent));
            }
            tell();
        }

        private void walk() {
            scenario.newInstance();
            FormEntryController controller = scenario.getFormEntryController();
            controller.jumpToIndex(FormIndex.createBeginningOfFormIndex());
            spent = 0;
            turns = 0;
            while (true) {
                long start = System.nanoTime();
                int event = controller.stepToNextEvent();
                while (event != FormEntryController.EVENT_QUESTION && event != FormEntryController.EVENT_END_OF_FORM)
                    event = controller.stepToNextEvent();
                if (event == FormEntryController.EVENT_END_OF_FORM) return;
                FormEntryPrompt prompt = controller.getModel().getQuestionPrompt();
                if (isChoice(prompt)) prompt.getSelectChoices();
                spent += System.nanoTime() - start;
                String text = script.get(pathOf(controller.getModel().getFormIndex().getReference(), true));
                if (text == null) continue; // a question that the other engine did not ask shows in the values
                IAnswerData data = typed(prompt, text);
                start = System.nanoTime();
                controller.answerQuestion(data, true);
                spent += System.nanoTime() - start;
                turns++;
            }
        }
    }
}
